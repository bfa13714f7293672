"""Run by alembic, on the connection that `open_database` gives it."""

from alembic import context

from wheatstone.storage.tables import metadata

connection = context.config.attributes["connection"]
connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # making a table anew must not delete what refers to it
connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none for tables: a kill would leave half of them
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
connection.exec_driver_sql("PRAGMA foreign_keys=ON")
