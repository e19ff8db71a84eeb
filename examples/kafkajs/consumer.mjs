// kafkajs, eachMessage: an offset is resolved when its handler is done, and committed by the client.
import kafkajs from 'kafkajs'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const { Kafka, logLevel } = kafkajs
const env = process.env
let interval = 1000 / Number(env.FAIRPOLL_SINK_RATE ?? Infinity)
let freeAt = 0

function emit (name, fields) {
  process.stdout.write(JSON.stringify({ timestamp: Date.now(), name, ...fields }) + '\n')
}

// Wait for the sink's turn, on an absolute schedule, and hand it the record.
async function write (topic, partition, offset) {
  const turn = Math.max(freeAt, Date.now() - 250)
  freeAt = turn + interval
  if (turn > Date.now()) await sleep(turn - Date.now())
  emit('records_consumed', { records: [{ topic, partition, offset }] })
}

const tuned = Boolean(env.TUNED)
const kafka = new Kafka({
  brokers: env.FAIRPOLL_BOOTSTRAP_SERVERS.split(','),
  logLevel: logLevel.WARN // more would go to standard output
})
const consumer = kafka.consumer({
  groupId: env.FAIRPOLL_GROUP,
  ...(tuned ? { maxBytesPerPartition: 4096, maxBytes: 16384 } : {})
})
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  const assigned = Object.entries(payload.memberAssignment)
  emit('partitions_assigned', {
    partitions: assigned.flatMap(([topic, all]) => all.map(partition => ({ topic, partition })))
  })
})
async function stop () {
  await consumer.disconnect()
  process.exit(0)
}
process.once('SIGTERM', stop)
readline.createInterface({ input: process.stdin })
  .on('line', command => { if (command === 'drain') interval = 0 })
  .on('close', stop)

await consumer.connect()
await consumer.subscribe({ topics: env.FAIRPOLL_TOPICS.split(' ').map(pair => pair.split('=')[0]), fromBeginning: true })
await consumer.run({
  ...(tuned ? { partitionsConsumedConcurrently: 4 } : {}),
  eachMessage: ({ topic, partition, message }) => write(topic, partition, Number(message.offset))
})
