# As in the official image: reachable through the mapped port without a password. Nothing is kept, nothing evicted.
exec "$@" --protected-mode no --save "" --appendonly no --maxmemory-policy noeviction
