"""How fast mcstudy is: against JAX, PyTorch, NumPy and Keras, against the machine's peak, and from the command line.

`python -m tests.benchmarks` measures everything, `python -m tests.benchmarks A C --pairs 5` some of it, and `--write`
puts a table, its numbers and a figure beside this file. The peers come with `pip install -e '.[bench]'`; where one is
missing its rows say so. Both sides always do the same work: the same network, data of the same kind, every step of
every trial.
"""
