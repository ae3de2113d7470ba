"""Join the two halves in freqtrade's callbacks: what `ManagedStrategy` is made of."""
