"""The HTTPS edge's documents, as OpenAPI shows them."""
