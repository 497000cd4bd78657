"""The store: whole shards, any cutting, digests by definition, messages for what is damaged."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import synthetic

from mcstudy import files
from mcstudy.errors import RunError
from mcstudy.outcomes import OUTCOMES
from mcstudy.store import SCHEMA, DamagedError, FolderStore, MemoryStore, Store

CELL = "c0123456789a"


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: Store = FolderStore(tmp_path / "run") if request.param == "folder" else MemoryStore()
    made.open()
    return made


def part(rows: dict[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    return {name: values[start:stop] for name, values in rows.items()}


def test_rows_come_back_in_trial_order_however_they_were_cut(store: Store) -> None:
    rows = synthetic.rows(1000)
    for start, stop in [(700, 1000), (0, 300), (250, 720), (400, 500)]:
        store.write(CELL, start, part(rows, start, stop))
    assert store.ranges(CELL) == [(0, 1000)]
    frame = store.read(CELL, 1000)
    assert tuple(frame.columns) == SCHEMA
    assert (frame["trial"] == np.arange(1000)).all() and frame["trial"].dtype == np.int64
    assert list(frame["outcome"]) == [OUTCOMES[code] for code in rows["outcome"]]
    assert list(frame["outcome"].cat.categories) == list(OUTCOMES)
    assert frame["steps"].dtype == np.int32 and (frame["steps"] == rows["steps"]).all()
    assert frame["loss_last"].to_numpy().tobytes() == rows["loss_last"].tobytes()
    assert len(store.read(CELL, 640, ["steps"])) == 640
    assert sum(len(batch) for batch in store.batches(CELL, 640, ["outcome"])) == 640


def test_a_gap_is_told(store: Store) -> None:
    rows = synthetic.rows(100)
    store.write(CELL, 0, part(rows, 0, 40))
    store.write(CELL, 60, part(rows, 60, 100))
    assert store.ranges(CELL) == [(0, 40), (60, 100)]
    assert len(store.read(CELL, 40)) == 40
    with pytest.raises(RunError, match="trial 40 is not stored"):
        store.read(CELL, 41)
    assert store.ranges("c00000000000") == []
    with pytest.raises(RunError, match="trial 0 is not stored"):
        store.read("c00000000000", 1)


def test_an_unknown_column_is_told(store: Store) -> None:
    store.write(CELL, 0, synthetic.rows(10))
    with pytest.raises(RunError, match="no column 'accuracy'"):
        store.read(CELL, 10, ["accuracy"])


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_digest_is_that_of_packed_rows(store: Store, kind: str) -> None:
    rows = synthetic.rows(500)
    rows |= {name: rows[name].astype(kind) for name in ("loss_first", "loss_last")}
    rows["loss_last"][:3] = np.array([-np.nan, np.inf, -0.0])
    for start, stop in [(0, 123), (123, 500)]:
        store.write(CELL, start, part(rows, start, stop))
    expected = hashlib.sha256()
    for i in range(400):
        losses = [float("nan") if np.isnan(rows[n][i]) else rows[n][i] for n in ("loss_first", "loss_last")]
        code = {"f4": "f", "f8": "d"}[kind]
        expected.update(struct.pack(f"<qBi{code}{code}", i, rows["outcome"][i], rows["steps"][i], *losses))
    assert store.digest(CELL, 400) == expected.hexdigest()
    assert store.digest(CELL, 399) != store.digest(CELL, 400)


def test_nan_has_one_bit_pattern(store: Store) -> None:
    rows = synthetic.rows(2)
    rows["loss_last"] = np.array([0xFFC00123, 0x7FA00001], np.uint32).view(np.float32)
    store.write(CELL, 0, rows)
    kept = store.read(CELL, 2)["loss_last"].to_numpy().view(np.uint32)
    assert set(kept) == {0x7FC00000}


def test_more_columns_are_kept_and_digested(store: Store) -> None:
    rows = synthetic.rows(50)
    store.write(CELL, 0, rows | {"accuracy": np.linspace(0, 1, 50)})
    assert tuple(store.read(CELL, 50).columns) == (*SCHEMA, "accuracy")
    plain = MemoryStore()
    plain.write(CELL, 0, rows)
    assert store.digest(CELL, 50) != plain.digest(CELL, 50)


def test_rows_that_are_not_of_the_schema_are_refused(store: Store) -> None:
    rows = synthetic.rows(10)
    for wrong in (
        {"outcome": np.full(10, 5, np.uint8)},
        {"steps": np.zeros(9, np.int32)},
        {"trial": np.arange(1, 11)},
    ):
        with pytest.raises(ValueError):
            store.write(CELL, 0, rows | wrong)
    with pytest.raises(ValueError, match="loss_last"):
        store.write(CELL, 0, {name: values for name, values in rows.items() if name != "loss_last"})
    assert store.ranges(CELL) == []


def test_history_and_manifest_come_back(store: Store) -> None:
    assert store.read_history(CELL) is None and store.read_manifest() is None
    losses = np.array([[1.0, 0.5, np.nan], [2.0, 1.0, 0.5]], np.float32)
    store.write_history(CELL, np.array([0, 20, 35]), losses)
    steps, kept = store.read_history(CELL) or pytest.fail()
    assert steps.tolist() == [0, 20, 35] and kept.dtype == np.float32
    np.testing.assert_array_equal(kept, losses)
    with pytest.raises(ValueError, match="checks"):
        store.write_history(CELL, np.arange(4), losses)
    store.write_manifest({"digest": {CELL: "ü"}, "n": 1})
    assert store.read_manifest() == {"digest": {CELL: "ü"}, "n": 1}


def test_large_shards_are_read_in_pieces(store: Store) -> None:
    rows = synthetic.rows(300_000)
    store.write(CELL, 0, rows)
    sizes = [len(chunk["steps"]) for chunk in store.chunks(CELL, 290_000, ["steps"])]
    assert sum(sizes) == 290_000 and max(sizes) <= 131_072
    steps = np.concatenate([chunk["steps"] for chunk in store.chunks(CELL, 290_000, ["steps"])])
    np.testing.assert_array_equal(steps, rows["steps"][:290_000])


def test_files_are_those_of_the_contract(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    store = FolderStore(tmp_path)
    store.open()
    store.write(CELL, 20, synthetic.rows(30))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    place = "0000000000020-0000000000050"
    crc = zlib.crc32(f"cell={CELL}/{place}".encode() + file.read_bytes())
    assert file.name == f"{place}-{crc:08x}.parquet"
    schema = pq.read_schema(file)
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["trial"] == "int64" and types["steps"] == "int32" and types["loss_last"] == "float"
    assert types["outcome"].startswith("dictionary<values=string")


def test_trial_numbers_cost_next_to_nothing(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(20_000))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    column = pq.read_metadata(file).row_group(0).column(0)
    assert column.path_in_schema == "trial" and column.total_compressed_size < 2000


def test_what_a_killed_process_left_is_ignored_and_swept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.open()
    store.write(CELL, 0, synthetic.rows(10))
    folder = tmp_path / "trials" / f"cell={CELL}"
    far = "000000" if files.machine() != "000000" else "000001"
    new, ancient = (folder / f".0000000000010-0000000000020.parquet.{far}-{n}-7.tmp" for n in (4, 5))
    for file in (new, ancient):
        file.write_bytes(b"half")
    os.utime(ancient, (1e9, 1e9))
    gone, living = 2**22 + 1, os.getppid()
    left = folder / f".0000000000010-0000000000020.parquet.{gone}-7.tmp"
    busy = folder / f".0000000000020-0000000000030.parquet.{living}-7.tmp"
    drawn = tmp_path / "figures" / f".rates.png.{gone}-7.tmp"
    drawn.parent.mkdir()
    for file in (left, busy, drawn):
        file.write_bytes(b"half")
    assert store.ranges(CELL) == [(0, 10)]
    store.open()
    assert not left.exists() and not drawn.exists() and busy.exists()
    assert not ancient.exists() and new.exists()  # another machine's processes cannot be asked
    assert len(list(folder.iterdir())) == 3
    assert store.ranges(CELL) == [(0, 10)]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(RuntimeError), files.replacing(target) as temporary:
        temporary.write_text("after")
        raise RuntimeError
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(10))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    for action in (lambda: store.ranges(CELL), lambda: store.read(CELL, 10)):
        with pytest.raises(RunError, match=r"0000000000000-0000000000010-\w+\.parquet: is damaged"):
            action()
    file.unlink()
    file.with_name("0000000000000-0000000000011.parquet").write_bytes(whole)
    with pytest.raises(RunError, match="10 rows instead of 11"):
        store.ranges(CELL)
    file.with_name("0000000000000-0000000000011.parquet").rename(file.with_name("0000000000005-0000000000015.parquet"))
    with pytest.raises(RunError, match="other trials"):
        FolderStore(tmp_path).write(CELL, 0, synthetic.rows(5))
        store.digest(CELL, 15)
    (tmp_path / "run.json").write_text("[1")
    with pytest.raises(RunError, match=r"run\.json"):
        store.read_manifest()


def page(file: Path, column: str) -> tuple[int, int]:
    """Where the last 20 bytes of a column's data lie in a Parquet file."""
    import pyarrow.parquet as pq

    group = pq.read_metadata(file).row_group(0)
    (found,) = (group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == column)
    first = found.dictionary_page_offset or found.data_page_offset
    return first + found.total_compressed_size - 20, first + found.total_compressed_size


def flip(file: Path, position: int, bit: int = 0) -> None:
    """Flip a bit where it is; a second time, and it is what it was."""
    with file.open("r+b") as content:
        content.seek(position)
        (byte,) = content.read(1)
        content.seek(position)
        content.write(bytes([byte ^ 1 << bit]))


def without_checksum(file: Path) -> Path:
    """A shard as older versions named it."""
    return file.rename(file.with_name(file.name[:27] + ".parquet"))


@pytest.mark.parametrize("column", SCHEMA)
def test_a_bit_that_flips_in_a_page_of_an_old_shard_is_found(column: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(3000))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    file = without_checksum(file)
    for position in range(*page(file, column)):
        flip(file, position, position % 8)
        with pytest.raises(DamagedError, match=r"0+-0+3000\.parquet: is damaged .*; running the study again sets it"):
            store.digest(CELL, 3000)
        flip(file, position, position % 8)
    assert len(store.digest(CELL, 3000)) == 64


def test_every_byte_of_a_shard_is_vouched_for(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(300))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    whole, digest = file.read_bytes(), store.digest(CELL, 300)
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    assert whole[:4] == whole[-4:] == b"PAR1" and 4 < footer < len(whole) - 8
    for position in range(len(whole)):  # magic, page headers, pages, footer, its length, magic
        flip(file, position, position % 8)
        with pytest.raises(DamagedError, match=r"parquet: is damaged \(its checksum is another\)"):
            store.ranges(CELL)
        flip(file, position, position % 8)
    assert file.read_bytes() == whole
    for position in (0, 3, 30, footer - 1, footer, footer + 30, len(whole) - 6, len(whole) - 1):
        for content in (whole[:position], whole[:position] + b"\0" * 64, whole[:position] + whole[position + 1 :]):
            file.write_bytes(content)
            for action in (lambda: store.ranges(CELL), lambda: store.read(CELL, 5), lambda: store.digest(CELL, 300)):
                with pytest.raises(DamagedError):
                    action()
    file.write_bytes(whole)
    assert store.digest(CELL, 300) == digest


def test_a_shard_that_was_moved_is_found(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(10))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    checksum = file.name[27:]
    other = tmp_path / "trials" / "cell=cba987654321" / file.name
    other.parent.mkdir()
    other.write_bytes(file.read_bytes())
    file.rename(file.with_name(f"0000000000005-0000000000015{checksum}"))
    for cell in (CELL, "cba987654321"):
        with pytest.raises(DamagedError, match="its checksum is another"):
            store.ranges(cell)


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])  # every place of a bit is met by 7
def test_a_bit_that_flips_in_an_old_shard_is_found_or_changes_nothing(stride: int, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(CELL, 0, synthetic.rows(300))
    (file,) = (tmp_path / "trials" / f"cell={CELL}").iterdir()
    file = without_checksum(file)
    whole, digest = file.read_bytes(), store.digest(CELL, 300)
    told, positions = 0, range(0, len(whole), stride)
    for position in positions:
        flip(file, position, position % 8)
        try:
            assert store.digest(CELL, 300) == digest, position
        except RunError:
            told += 1
        flip(file, position, position % 8)
    assert told > len(positions) / 2


def test_every_byte_of_a_history_is_found_or_changes_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    losses = np.random.default_rng(4).random((10, 7), np.float32)
    store.write_history(CELL, np.arange(7), losses)
    file = tmp_path / "histories" / f"cell={CELL}.parquet"
    whole = file.read_bytes()
    found = 0
    for position in range(len(whole)):
        flip(file, position, position % 8)
        try:
            steps, kept = store.read_history(CELL) or pytest.fail()
            assert steps.tolist() == list(range(7)) and kept.tobytes() == losses.tobytes(), position
        except DamagedError:
            found += 1
        flip(file, position, position % 8)
    assert found > len(whole) / 4
    file.rename(file.with_name("cell=cba987654321.parquet"))
    with pytest.raises(DamagedError, match="its checksum is another"):
        store.read_history("cba987654321")


@pytest.mark.parametrize("old", [False, True])
def test_what_is_damaged_is_set_aside_and_the_rest_stays(old: bool, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    rows = synthetic.rows(30)
    for start in (0, 10, 20):
        store.write(CELL, start, part(rows, start, start + 10))
    store.write_history(CELL, np.arange(3), np.zeros((2, 3), np.float32))
    shards = sorted((tmp_path / "trials" / f"cell={CELL}").iterdir())
    if old:
        shards = [without_checksum(shard) for shard in shards]
    assert store.set_aside(CELL) == []
    history = tmp_path / "histories" / f"cell={CELL}.parquet"
    for damage in range(3):
        bad = []
        for file in (shards[1], history):
            content = bytearray(file.read_bytes())
            content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)
            file.write_bytes(content)
            bad.append(bytes(content))
        told = store.set_aside(CELL)
        end = f"-{damage + 1}" * (damage > 0)
        assert len(told) == 2
        for line, file, content in zip(told, (shards[1], history), bad, strict=True):
            assert line.startswith(f"{file}: is damaged (")
            assert line.endswith(f"; it is set aside as {file.name}.damaged{end}, and its trials are trained again")
            assert file.with_name(f"{file.name}.damaged{end}").read_bytes() == content
        assert store.ranges(CELL) == [(0, 10), (20, 30)] and store.read_history(CELL) is None
        store.write(CELL, 10, part(rows, 10, 20))
        store.write_history(CELL, np.arange(3), np.zeros((2, 3), np.float32))
        if old:
            written = shards[1].with_name(next(p.name for p in shards[1].parent.iterdir() if p.name[27:28] == "-"))
            without_checksum(written)
        assert store.set_aside(CELL) == [] and store.ranges(CELL) == [(0, 30)]


def test_a_bit_that_flips_in_a_history_is_found(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    losses = np.random.default_rng(4).random((100, 7), np.float32)
    store.write_history(CELL, np.arange(7), losses)
    file = tmp_path / "histories" / f"cell={CELL}.parquet"
    for position in range(*page(file, "loss")):
        flip(file, position, position % 8)
        with pytest.raises(RunError, match=r"cell=\w+\.parquet: is damaged .*; running the study again sets it aside"):
            store.read_history(CELL)
        flip(file, position, position % 8)
    np.testing.assert_array_equal((store.read_history(CELL) or pytest.fail())[1], losses)


def test_a_history_without_a_loss_is_found(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    store = FolderStore(tmp_path)
    store.write_history(CELL, np.array([0, 5, 7]), np.zeros((4, 3), np.float32))
    file = tmp_path / "histories" / f"cell={CELL}.parquet"
    table = pq.ParquetFile(file).read()
    for keep in (slice(0, 11), slice(0, 9)):
        pq.write_table(table[keep], file)
        with pytest.raises(RunError, match=r"\.parquet: is damaged"):
            store.read_history(CELL)


@pytest.mark.parametrize("steps", [[0], [0, 0], [5, 9], [0, 20, 40, 55], [3, 1, 4, 1, 5, 9, 2, 6]])
def test_steps_of_a_history_come_back(steps: list[int], tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write_history(CELL, np.array(steps), np.zeros((2, len(steps)), np.float32))
    found, losses = store.read_history(CELL) or pytest.fail()
    assert found.tolist() == steps and found.dtype == np.int32 and losses.shape == (2, len(steps))


def test_a_history_of_very_many_checks_comes_back(tmp_path: Path) -> None:
    store, checks = FolderStore(tmp_path), 12_000_000
    store.write_history(CELL, np.arange(checks), np.zeros((1, checks), np.float32))
    steps, losses = store.read_history(CELL) or pytest.fail()
    assert np.array_equal(steps, np.arange(checks)) and losses.shape == (1, checks)


def test_a_history_of_an_older_version_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    store, steps = FolderStore(tmp_path), np.array([0, 5, 7], np.int32)
    losses = np.random.default_rng(4).random((4, 3), np.float32)
    store.write_history(CELL, steps, losses)
    file = tmp_path / "histories" / f"cell={CELL}.parquet"
    told = {b"mcstudy.crc32": pq.ParquetFile(file).schema_arrow.metadata[b"mcstudy.crc32"]}
    columns = {"trial": np.arange(4).repeat(3), "step": np.tile(steps, 4), "loss": losses.reshape(-1)}
    table = pa.table(columns, metadata=told)
    pq.write_table(table, file)
    for one, other in zip(store.read_history(CELL) or pytest.fail(), (steps, losses), strict=True):
        np.testing.assert_array_equal(one, other)
    for keep in ([0, 1, 2, 3, 4, 5, 6, 7], [0, 2, 1, 3, 4, 5], [3, 4, 5, 0, 1, 2], [0, 1, 3, 4, 4, 5], [3, 4, 5]):
        pq.write_table(table.take(pa.array(keep)), file)
        with pytest.raises(RunError, match=r"\.parquet: is damaged"):
            store.read_history(CELL)


def test_what_the_system_does_not_give_is_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.open()
    trials, history = tmp_path / "trials" / f"cell={CELL}", tmp_path / "histories" / f"cell={CELL}.parquet"
    trials.symlink_to(trials.name)
    history.symlink_to(history.name)
    for action in (lambda: store.ranges(CELL), lambda: store.read(CELL, 10)):
        with pytest.raises(RunError, match=rf"trials/cell={CELL}: cannot be read \(Too many levels"):
            action()
    with pytest.raises(RunError, match=rf"histories/cell={CELL}\.parquet: cannot be read \(Too many levels"):
        store.read_history(CELL)
    trials.unlink()
    trials.mkdir()
    shard = trials / "0000000000000-0000000000010.parquet"
    shard.symlink_to(shard.name)
    with pytest.raises(RunError, match=r"0010\.parquet: cannot be read \(Too many levels"):
        store.ranges(CELL)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/mcstudy")):
        with pytest.raises(RunError, match="cannot be used as the output folder"):
            FolderStore(path).open()
