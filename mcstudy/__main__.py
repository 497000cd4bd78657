from mcstudy.cli import main

main()
