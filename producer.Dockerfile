# The image of docker-compose.yml's test producer, and of the other parts of a run in containers.
FROM python:3.11.14-slim-bookworm

WORKDIR /app
# The pinned packages that produce, plan, run-consumer, evidence and judge import.
COPY requirements.txt .
RUN grep -E '^(confluent-kafka|pyyaml|jsonschema|click|psutil|orjson|msgspec|numpy|duckdb|isal|inotify-simple)==' requirements.txt > needed.txt \
    && pip install --no-cache-dir --root-user-action ignore --break-system-packages -r needed.txt
COPY libraries/fairpoll libraries/fairpoll
COPY resources/scenarios resources/scenarios

ENV PYTHONPATH=/app/libraries PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Nobody: it writes no file.
USER 65534:65534
ENTRYPOINT ["python3", "-m", "fairpoll"]
CMD ["produce", "--create-topics"]
