// A service that stores orders and alerts: Avro in, PostgreSQL out, its log on standard output.
//
//	go-service config.yaml
//
// It is configured by its file, and was not written for any test harness.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
	"gopkg.in/yaml.v3"
)

// Config is the file; ${NAME} in it stands for an environment variable.
type Config struct {
	Brokers  string   `yaml:"brokers"`
	Registry string   `yaml:"registry"`
	Database string   `yaml:"database"`
	Group    string   `yaml:"group"`
	Topics   []string `yaml:"topics"`
	// How long the handling of one message takes.
	Work time.Duration `yaml:"work"`
	// Serve the topics in turn, each from a buffer of its own, instead of in the order of the fetches.
	InTurn bool `yaml:"in_turn"`
}

// Event is what the service needs of a message.
type Event struct {
	ID   string `avro:"id"`
	Type string `avro:"type"`
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	if err := run(log); err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	var config Config
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal([]byte(os.ExpandEnv(string(file))), &config); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	pool, err := pgxpool.New(ctx, config.Database)
	if err != nil {
		return err
	}
	defer pool.Close()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(config.Brokers),
		kgo.ConsumerGroup(config.Group),
		kgo.ConsumeTopics(config.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.BlockRebalanceOnPoll(),
	)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	service := &Service{config: config, log: log, pool: pool, client: client, schemas: map[int]avro.Schema{}}
	log.Info("started", "topics", config.Topics, "in_turn", config.InTurn)
	if config.InTurn {
		err = service.inTurn(ctx)
	} else {
		err = service.oneAfterTheOther(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Service stores the messages of its topics.
type Service struct {
	config  Config
	log     *slog.Logger
	pool    *pgxpool.Pool
	client  *kgo.Client
	schemas map[int]avro.Schema
	mutex   sync.Mutex
	// When the work on the last message is done: on a schedule, so that delays cost no throughput.
	free time.Time
}

// oneAfterTheOther handles what was fetched in the order in which it came.
func (s *Service) oneAfterTheOther(ctx context.Context) error {
	for {
		fetches := s.client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if ctx.Err() != nil {
				break
			}
			if err := s.handle(ctx, record); err != nil {
				return err
			}
		}
		if err := s.client.CommitMarkedOffsets(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		s.client.AllowRebalance()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// partition is one partition of a topic.
type partition struct {
	topic  string
	number int32
}

// inTurn handles one message of each partition after the other, from small buffers; full ones are paused.
func (s *Service) inTurn(ctx context.Context) error {
	const most = 100
	var order []partition
	buffers := map[partition][]*kgo.Record{}
	committed := time.Now()
	for {
		waiting := 0
		for _, buffer := range buffers {
			waiting += len(buffer)
		}
		poll, cancel := ctx, context.CancelFunc(func() {})
		if waiting > 0 {
			poll, cancel = context.WithTimeout(ctx, time.Millisecond)
		}
		fetches := s.client.PollRecords(poll, most)
		cancel()
		fetches.EachRecord(func(record *kgo.Record) {
			key := partition{record.Topic, record.Partition}
			if _, known := buffers[key]; !known {
				order = append(order, key)
			}
			buffers[key] = append(buffers[key], record)
		})
		for _, key := range order {
			one := map[string][]int32{key.topic: {key.number}}
			if len(buffers[key]) >= most {
				s.client.PauseFetchPartitions(one)
			} else {
				s.client.ResumeFetchPartitions(one)
			}
		}
		for _, key := range order {
			if buffer := buffers[key]; len(buffer) > 0 && ctx.Err() == nil {
				if err := s.handle(ctx, buffer[0]); err != nil {
					return err
				}
				buffers[key] = buffer[1:]
			}
		}
		if time.Since(committed) > time.Second || ctx.Err() != nil {
			committed = time.Now()
			if err := s.client.CommitMarkedOffsets(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		s.client.AllowRebalance()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// handle stores one message, and marks it to be committed.
func (s *Service) handle(ctx context.Context, record *kgo.Record) error {
	event, err := s.decode(record.Value)
	if err != nil {
		s.log.Warn("skipped", "topic", record.Topic, "offset", record.Offset, "error", err)
		s.client.MarkCommitRecords(record)
		return nil
	}
	begun := time.Now()
	_, err = s.pool.Exec(context.WithoutCancel(ctx), "INSERT INTO events (id, type) VALUES ($1, $2)", event.ID, event.Type)
	if err != nil {
		return err
	}
	s.free = s.free.Add(s.config.Work)
	if late := begun.Add(-time.Second / 4); s.free.Before(late) {
		s.free = late
	}
	time.Sleep(time.Until(s.free))
	s.client.MarkCommitRecords(record)
	if record.Offset%100 == 0 {
		s.log.Info("stored", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset)
	}
	return nil
}

func (s *Service) decode(value []byte) (event Event, err error) {
	if len(value) < 5 || value[0] != 0 {
		return event, errors.New("not in the registry's wire format")
	}
	schema, err := s.schema(int(binary.BigEndian.Uint32(value[1:5])))
	if err != nil {
		return event, err
	}
	err = avro.Unmarshal(schema, value[5:], &event)
	return event, err
}

func (s *Service) schema(id int) (avro.Schema, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if schema, ok := s.schemas[id]; ok {
		return schema, nil
	}
	answer, err := http.Get(s.config.Registry + "/schemas/ids/" + strconv.Itoa(id))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var body struct {
		Schema string `json:"schema"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return nil, err
	}
	schema, err := avro.Parse(body.Schema)
	if err == nil {
		s.schemas[id] = schema
	}
	return schema, err
}
