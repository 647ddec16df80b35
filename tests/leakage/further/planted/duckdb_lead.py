"""SQL over the catalogue: LEAD where LAG was meant."""


def signals(catalog):
    found = catalog.sql("""
        select ts_event as known_at, symbol, lead(close) over (partition by symbol order by ts_event) / close as move
        from "synthetic-leaks" order by symbol, ts_event
    """).to_pandas()
    return {symbol: part.drop(columns="symbol") for symbol, part in found.groupby("symbol")}
