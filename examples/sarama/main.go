// sarama: a group handler with a goroutine for each claim; the client commits what is marked.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
)

type handler struct{}

func (handler) Setup(session sarama.ConsumerGroupSession) error {
	emitAssigned(session.Claims())
	return nil
}

func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			write(message.Topic, message.Partition, message.Offset)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func main() {
	ctx, brokers, groupID, topics := begin()
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if os.Getenv("TUNED") != "" {
		config.ChannelBufferSize = 1
		config.Consumer.Fetch.Default = 4096
		config.Consumer.MaxProcessingTime = 10 * time.Millisecond // a claim that waits longer holds up no other
	}
	group, err := sarama.NewConsumerGroup(brokers, groupID, config)
	if err != nil {
		panic(err)
	}
	defer group.Close()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, topics, handler{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}
