// segmentio/kafka-go: fetch a message, write it, commit it. It has no word for assignments.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go"
)

func main() {
	ctx, brokers, group, topics := begin()
	config := kafka.ReaderConfig{Brokers: brokers, GroupID: group, GroupTopics: topics}
	if os.Getenv("TUNED") != "" {
		config.QueueCapacity = 1
		config.MaxBytes = 4096
	}
	reader := kafka.NewReader(config)
	defer reader.Close()
	for {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		write(message.Topic, int32(message.Partition), message.Offset)
		if err := reader.CommitMessages(context.Background(), message); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}
