"""The brokers of docker-compose.yml, on a Docker engine."""
