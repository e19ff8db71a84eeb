# The test producer of docker-compose.yml: `fairpoll produce`, the traffic that the suites judge by too.
FROM python:3.11.14-slim-bookworm

WORKDIR /app
# The versions that requirements.txt pins, of what producing needs; the rest is for Robot Framework.
COPY requirements.txt .
RUN grep -E '^(confluent-kafka|pyyaml|jsonschema|click|psutil|orjson|msgspec|numpy)==' requirements.txt > producing.txt \
    && pip install --no-cache-dir --root-user-action ignore --break-system-packages -r producing.txt
COPY libraries/fairpoll libraries/fairpoll
COPY resources/scenarios resources/scenarios

ENV PYTHONPATH=/app/libraries PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Nobody: it writes no file.
USER 65534:65534
ENTRYPOINT ["python3", "-m", "fairpoll"]
CMD ["produce", "--create-topics"]
