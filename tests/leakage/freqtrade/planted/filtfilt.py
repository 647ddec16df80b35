"""Direction of a Butterworth filter that runs forwards and backwards."""

import pandas as pd
from scipy.signal import butter, filtfilt

from lockstep.engine.python_strategy import Strategy


def smooth(bars):
    b, a = butter(2, 0.1)
    return pd.Series(filtfilt(b, a, bars["close"].to_numpy()), bars.index, name="signal").diff()


class Filtfilt(Strategy):
    features = smooth

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = Filtfilt
