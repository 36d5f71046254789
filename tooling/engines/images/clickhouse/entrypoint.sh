# The account as for the official image: CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, which the program reads itself.
exec node /app/bin/clickhouse-embedded.cjs --data-dir /var/lib/clickhouse --host 0.0.0.0 --port 8123 --username "$CLICKHOUSE_USER"
