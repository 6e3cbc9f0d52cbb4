"""How good forecasts are: scores, naive forecasts to beat, and backtests of whole files."""
