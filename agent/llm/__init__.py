"""Models: streaming chat calls, embeddings and reranking through LiteLLM, prices, circuit breakers, and
providers inside this process.

Knows neither turns nor budgets: a caller says how long a call may take, and checks money before it calls."""
