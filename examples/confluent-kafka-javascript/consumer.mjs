// @confluentinc/kafka-javascript, eachMessage: the client commits what its handler is done with.
import confluent from '@confluentinc/kafka-javascript'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const { Kafka, ErrorCodes } = confluent.KafkaJS
console.log = console.info = console.error // standard output is for events
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

const tuned = {
  'queued.min.messages': 1,
  'queued.max.messages.kbytes': 1,
  'fetch.message.max.bytes': 4096,
  'fetch.queue.backoff.ms': 10,
  'js.consumer.max.batch.size': 1
}
const consumer = new Kafka().consumer({
  'bootstrap.servers': env.FAIRPOLL_BOOTSTRAP_SERVERS,
  'group.id': env.FAIRPOLL_GROUP,
  'auto.offset.reset': 'earliest',
  rebalance_cb: (error, assignment) => {
    const name = error.code === ErrorCodes.ERR__ASSIGN_PARTITIONS ? 'partitions_assigned' : 'partitions_revoked'
    emit(name, { partitions: assignment.map(({ topic, partition }) => ({ topic, partition })) })
  },
  ...(env.TUNED ? tuned : {})
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
await consumer.subscribe({ topics: env.FAIRPOLL_TOPICS.split(' ').map(pair => pair.split('=')[0]) })
await consumer.run({
  ...(env.TUNED ? { partitionsConsumedConcurrently: 4 } : {}),
  eachMessage: ({ topic, partition, message }) => write(topic, partition, Number(message.offset))
})
