#!/usr/bin/env bash
# Kafka's console consumer, piped into a loop that writes one record after another.
#
# The console consumer commits by itself, every 5 s, what it has printed: not what the loop has written.
# It prints no topic, so the topic is the one that the message's own id begins with.
export LC_ALL=C
drain=$FAIRPOLL_OUTPUT_FOLDER/drain # exists from the drain command on
interval_us=$(awk -v rate="${FAIRPOLL_SINK_RATE:-0}" 'BEGIN { printf "%d", rate ? 1000000 / rate : 0 }')
free_at_us=0
for pair in $FAIRPOLL_TOPICS; do topics+=("${pair%%=*}"); done
include=$(IFS='|'; echo "${topics[*]//./\\.}")
tuned=()
if [[ $TUNED ]]; then
    for property in max.poll.records=1 max.partition.fetch.bytes=4096 fetch.max.bytes=16384; do
        tuned+=(--command-property "$property")
    done
fi

emit() { # name, further fields
    printf '{"timestamp":%d,"name":"%s",%s}\n' $((${EPOCHREALTIME/./} / 1000)) "$1" "$2"
}

write() { # partition, offset, value
    local topic=${3#*\"id\":\"*:} wait_us now_us record
    topic=${topic%%:*}
    for name in "${topics[@]}"; do [[ $name == "$topic"* ]] && topic=$name; done
    [[ $interval_us -gt 0 && -e $drain ]] && interval_us=0
    # Wait for the sink's turn, on an absolute schedule, and hand it the record.
    wait_us=$((free_at_us - ${EPOCHREALTIME/./}))
    ((wait_us > 0)) && sleep "$((wait_us / 1000000)).$(printf %06d $((wait_us % 1000000)))"
    now_us=${EPOCHREALTIME/./}
    free_at_us=$(((free_at_us > now_us - 250000 ? free_at_us : now_us - 250000) + interval_us))
    printf -v record '{"topic":"%s","partition":%d,"offset":%d}' "$topic" "$1" "$2"
    emit records_consumed "\"records\":[$record]"
}

follow_commands() {
    while read -r command; do [[ $command == drain ]] && touch "$drain"; done
    kill 0
}

trap : TERM # the signal goes to the whole group; wait for the console consumer to leave its group
follow_commands <&0 &
java -cp 'target/lib/*' org.apache.kafka.tools.consumer.ConsoleConsumer \
    --bootstrap-server "$FAIRPOLL_BOOTSTRAP_SERVERS" --group "$FAIRPOLL_GROUP" --include "$include" \
    --from-beginning --formatter-property print.partition=true --formatter-property print.offset=true \
    "${tuned[@]}" |
    while IFS=$'\t' read -r partition offset value; do
        write "${partition#*:}" "${offset#*:}" "$value"
    done
kill $! 2>/dev/null
