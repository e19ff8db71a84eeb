// franz-go: poll, write what came, commit it; rebalances wait for the loop.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, brokers, group, topics := begin()
	most := 0 // records a poll: all that have come
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, given map[string][]int32) { emitAssigned(given) }),
	}
	if os.Getenv("TUNED") != "" {
		most = 1
		options = append(options, kgo.FetchMaxPartitionBytes(4096), kgo.FetchMaxBytes(16384), kgo.MaxConcurrentFetches(1))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		panic(err)
	}
	defer client.CloseAllowingRebalance()
	for {
		fetches := client.PollRecords(ctx, most)
		if fetches.Err() != nil {
			fmt.Fprintln(os.Stderr, fetches.Err())
			return
		}
		fetches.EachRecord(func(r *kgo.Record) { write(r.Topic, r.Partition, r.Offset) })
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		client.AllowRebalance()
	}
}
