// The consumer contract: events, commands, and a sink that keeps its rate. The client is in main.go.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var sink struct {
	sync.Mutex // waiting goroutines are served in order
	interval   time.Duration
	freeAt     time.Time
}

func emit(name, format string, values ...any) {
	fmt.Printf(`{"timestamp":%d,"name":%q,%s}`+"\n", time.Now().UnixMilli(), name, fmt.Sprintf(format, values...))
}

// write waits for the sink's turn, on an absolute schedule, and hands it the record.
func write(topic string, partition int32, offset int64) {
	sink.Lock()
	defer sink.Unlock()
	time.Sleep(time.Until(sink.freeAt))
	if late := time.Now().Add(-time.Second / 4); sink.freeAt.Before(late) {
		sink.freeAt = late
	}
	sink.freeAt = sink.freeAt.Add(sink.interval)
	emit("records_consumed", `"records":[{"topic":%q,"partition":%d,"offset":%d}]`, topic, partition, offset)
}

func emitAssigned(given map[string][]int32) {
	for topic, partitions := range given {
		for _, number := range partitions {
			emit("partitions_assigned", `"partitions":[{"topic":%q,"partition":%d}]`, topic, number)
		}
	}
}

// begin follows commands; its context ends at SIGTERM and at the end of standard input.
func begin() (ctx context.Context, brokers []string, group string, topics []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	if rate, err := strconv.ParseFloat(os.Getenv("FAIRPOLL_SINK_RATE"), 64); err == nil {
		sink.interval = time.Duration(1e9 / rate)
	}
	go func() {
		for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
			if commands.Text() == "drain" {
				sink.Lock()
				sink.interval = 0
				sink.Unlock()
			}
		}
		stop()
	}()
	for _, pair := range strings.Fields(os.Getenv("FAIRPOLL_TOPICS")) {
		topics = append(topics, strings.Split(pair, "=")[0])
	}
	return ctx, strings.Split(os.Getenv("FAIRPOLL_BOOTSTRAP_SERVERS"), ","), os.Getenv("FAIRPOLL_GROUP"), topics
}
