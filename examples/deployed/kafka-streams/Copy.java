import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * Copies the records of some topics to another one, as a stream processor does. It prints no events and
 * writes no files: it is judged by its output topic.
 *
 * <p>Arguments: the processing guarantee, at_least_once or exactly_once_v2.
 */
public class Copy {
    private static final Map<String, String> ENVIRONMENT = System.getenv();
    private static long freeAt = 0;

    public static void main(String[] arguments) {
        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, ENVIRONMENT.get("FAIRPOLL_BOOTSTRAP_SERVERS"));
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, ENVIRONMENT.get("FAIRPOLL_GROUP"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[0]);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        // A restarted process finds its state here, and with it its transactional.id.
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(ENVIRONMENT.get("FAIRPOLL_OUTPUT_FOLDER"), "state").toString());
        settings.put("auto.offset.reset", "earliest");
        settings.put("session.timeout.ms", ENVIRONMENT.get("FAIRPOLL_SESSION_TIMEOUT_MS"));
        settings.put("heartbeat.interval.ms", ENVIRONMENT.get("FAIRPOLL_HEARTBEAT_INTERVAL_MS"));

        var rate = Double.parseDouble(ENVIRONMENT.getOrDefault("FAIRPOLL_SINK_RATE", "0"));
        var topics = Arrays.stream(ENVIRONMENT.get("FAIRPOLL_TOPICS").split(" ")).map(pair -> pair.split("=")[0]);
        var builder = new StreamsBuilder();
        builder.<byte[], byte[]>stream(topics.toList())
            .peek((key, value) -> work(rate))
            .to(ENVIRONMENT.get("FAIRPOLL_OUTPUT_TOPIC"));

        var streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    /** Takes as long as a record may take, on an absolute schedule. */
    private static synchronized void work(double rate) {
        if (rate <= 0) return;
        long now = System.nanoTime();
        freeAt = Math.max(freeAt, now - 250_000_000L);
        try {
            if (freeAt > now) Thread.sleep((freeAt - now) / 1_000_000, (int) ((freeAt - now) % 1_000_000));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        freeAt += (long) (1e9 / rate);
    }
}
