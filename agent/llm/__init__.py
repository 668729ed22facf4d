"""Models: chat and embedding calls through LiteLLM, prices, the circuit breaker, and providers inside this
process."""
