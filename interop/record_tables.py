"""Records the same tables as CSV, Parquet and Arrow into `crates/vanilla-formats/tests/golden/tables/`.

    python record_tables.py        needs pyarrow==26.0.1 and polars==2.1.0

`pets` are 40 rows of a formula, in three row groups or record batches, with what other programs write by default
(dictionaries, Snappy) and with what they can be asked for. `other.*` hold a column each that is refused.
"""

import datetime
import decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent.parent / "crates/vanilla-formats/tests/golden/tables"
ROWS = 40


def holes(values, every):
    return [None if i % every == every - 1 else value for i, value in enumerate(values)]


KINDS = ["cat", "dog", "Maus, klein", "Käfer"]
COLUMNS = {
    "small": pa.array(holes([i % 7 - 3 for i in range(ROWS)], 9), pa.int8()),
    "large": pa.array([i * 3_000_000_000 for i in range(ROWS)], pa.int64()),
    "unsigned": pa.array([4_294_967_295 - i for i in range(ROWS)], pa.uint32()),
    "weight": pa.array(holes([i / 8 - 1.5 for i in range(ROWS)], 5), pa.float64()),
    "single": pa.array([i * 0.25 + 0.125 for i in range(ROWS)], pa.float32()),
    "tame": pa.array(holes([i % 3 == 0 for i in range(ROWS)], 11), pa.bool_()),
    "name": pa.array(holes([f"n{i % 13}" for i in range(ROWS)], 6), pa.string()),
    "kind": pa.array(holes([KINDS[i * i % 4] for i in range(ROWS)], 10), pa.string()).dictionary_encode(),
}
TABLE = pa.table(COLUMNS)


def field(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str) and "," in value:
        return f'"{value}"'
    return str(value)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = [COLUMNS] + list(zip(*(column.to_pylist() for column in COLUMNS.values())))
    text = "".join(",".join(map(field, row)) + "\n" for row in rows)
    (FOLDER / "pets.csv").write_text(text, encoding="utf-8")

    pq.write_table(TABLE, FOLDER / "pets.parquet", row_group_size=15)
    for codec in ["none", "gzip", "zstd"]:
        pq.write_table(TABLE, FOLDER / f"pets-{codec}.parquet", row_group_size=15, compression=codec)
    pq.write_table(
        TABLE, FOLDER / "pets-v2.parquet", version="2.6", data_page_version="2.0",
        column_encoding={"weight": "PLAIN", "large": "PLAIN"}, use_dictionary=["small", "kind", "name", "unsigned"],
    )
    plain = TABLE.combine_chunks()
    with pa.OSFile(str(FOLDER / "pets.arrow"), "wb") as sink, pa.ipc.new_file(sink, plain.schema) as writer:
        writer.write_table(plain, max_chunksize=15)
    with pa.OSFile(str(FOLDER / "pets.arrows"), "wb") as sink, pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain, max_chunksize=15)
    feather.write_feather(plain, FOLDER / "pets.feather", compression="lz4", chunksize=15)
    # Polars has its own writer: zstd, data in pages of its own cut, and views of texts in Arrow.
    frame = pl.from_arrow(plain.set_column(7, "kind", plain["kind"].cast(pa.string())))
    frame.write_parquet(FOLDER / "pets-polars.parquet")
    frame.write_ipc(FOLDER / "pets-polars.arrow")

    others = {
        "date": pa.array([datetime.date(2026, 1, 2)]),
        "moment": pa.array([datetime.datetime(2026, 1, 2)], pa.timestamp("ms")),
        "price": pa.array([decimal.Decimal("1.50")], pa.decimal128(9, 2)),
        "list": pa.array([[1, 2]]),
        "record": pa.array([{"a": 1}]),
        "bytes": pa.array([b"\x01"]),
        "half": pa.array([1.5], pa.float16()),
    }
    for name, column in others.items():
        table = pa.table({"good": pa.array([1]), name: column})
        pq.write_table(table, FOLDER / f"other-{name}.parquet")
        with pa.OSFile(str(FOLDER / f"other-{name}.arrow"), "wb") as sink:
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
    table = pa.table({"good": pa.array([1] * 99)})
    pq.write_table(table, FOLDER / "other-brotli.parquet", compression="brotli")
    for name, column, encoding in [
        ("split", pa.array([1.5]), "BYTE_STREAM_SPLIT"),
        ("packed", pa.array([1]), "DELTA_BINARY_PACKED"),
        ("lengths", pa.array(["a"]), "DELTA_LENGTH_BYTE_ARRAY"),
        ("delta", pa.array(["a"]), "DELTA_BYTE_ARRAY"),
    ]:
        small = pa.table({name: column})
        pq.write_table(small, FOLDER / f"other-{name}.parquet", use_dictionary=False, column_encoding=encoding)
    feather.write_feather(table, FOLDER / "other-zstd.feather", compression="zstd")


main()
