import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** Apache Kafka's Java client: poll a batch, write it, commit it. */
public class Consumer {
    static final Map<String, String> ENV = System.getenv();
    static volatile double intervalMs = 1000 / Double.parseDouble(ENV.getOrDefault("FAIRPOLL_SINK_RATE", "Infinity"));
    static double freeAt = 0;

    static void emit(String name, String key, Collection<String> items) {
        System.out.printf("{\"timestamp\":%d,\"name\":\"%s\",\"%s\":%s}%n", System.currentTimeMillis(), name, key, items);
    }

    /** Wait for the sink's turn, on an absolute schedule, and hand it the record. */
    static void write(ConsumerRecord<String, String> r) throws InterruptedException {
        Thread.sleep((long) Math.max(0, freeAt - System.currentTimeMillis()));
        freeAt = Math.max(freeAt, System.currentTimeMillis() - 250) + intervalMs;
        String record = "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d}";
        emit("records_consumed", "records", List.of(String.format(record, r.topic(), r.partition(), r.offset())));
    }

    static void followCommands() {
        Scanner commands = new Scanner(System.in);
        while (commands.hasNextLine()) if (commands.nextLine().equals("drain")) intervalMs = 0;
        System.exit(0);
    }

    static class RebalanceEvents implements ConsumerRebalanceListener {
        void emitAll(String name, Collection<TopicPartition> partitions) {
            String record = "{\"topic\":\"%s\",\"partition\":%d}";
            emit(name, "partitions", partitions.stream().map(p -> String.format(record, p.topic(), p.partition())).toList());
        }
        public void onPartitionsAssigned(Collection<TopicPartition> given) { emitAll("partitions_assigned", given); }
        public void onPartitionsRevoked(Collection<TopicPartition> taken) { emitAll("partitions_revoked", taken); }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", ENV.get("FAIRPOLL_BOOTSTRAP_SERVERS"),
            "group.id", ENV.get("FAIRPOLL_GROUP"), "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer",
            "value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"));
        if (ENV.containsKey("TUNED"))
            settings.putAll(Map.of("max.poll.records", 1, "max.partition.fetch.bytes", 4096, "fetch.max.bytes", 16384));
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings);
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { consumer.wakeup(); try { main.join(); } catch (Exception e) { } }));
        new Thread(Consumer::followCommands).start();
        try (consumer) {
            consumer.subscribe(Arrays.stream(ENV.get("FAIRPOLL_TOPICS").split(" ")).map(pair -> pair.split("=")[0]).toList(), new RebalanceEvents());
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) write(record);
                consumer.commitSync();
            }
        } catch (WakeupException stopping) { }  // wakeup() is how another thread ends the loop
    }
}
