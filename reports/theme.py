"""One palette for the page and its charts, light and dark: contrast to paper at least 3:1, of text 4.5:1."""

LIGHT = {
    "paper": "#ffffff",
    "raised": "#f6f8fa",
    "line": "#dfe4ea",
    "ink": "#1b232d",
    "muted": "#5a6572",
    "strategy": "#1b5fa8",
    "benchmark": "#7b8492",
    "loss": "#b04a12",
    "second": "#0f766a",
    "third": "#7a4b9c",
    "fourth": "#8f6400",
}
DARK = {
    "paper": "#11151b",
    "raised": "#1a2029",
    "line": "#2c343f",
    "ink": "#e5e9ef",
    "muted": "#9da8b6",
    "strategy": "#6cadf0",
    "benchmark": "#8e98a7",
    "loss": "#ea8d58",
    "second": "#4ec2b0",
    "third": "#bd96dc",
    "fourth": "#dcb052",
}
SERIES = [LIGHT[name] for name in ("strategy", "loss", "second", "third", "fourth", "benchmark")]
DARKENED = {LIGHT[name]: DARK[name] for name in LIGHT}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
