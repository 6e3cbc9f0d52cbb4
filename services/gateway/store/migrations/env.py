"""How alembic runs the migrations: within the transaction it is given."""

from alembic import context

from services.gateway.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
