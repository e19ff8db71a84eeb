// @platformatic/kafka, the stream as an async iterator; each record is committed once the sink has it.
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

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

const consumer = new Consumer({
  groupId: env.FAIRPOLL_GROUP,
  clientId: 'example',
  bootstrapBrokers: env.FAIRPOLL_BOOTSTRAP_SERVERS.split(','),
  deserializers: stringDeserializers
})
consumer.on('consumer:group:join', ({ assignments }) => {
  emit('partitions_assigned', {
    partitions: assignments.flatMap(one => one.partitions.map(partition => ({ topic: one.topic, partition })))
  })
})
const stream = await consumer.consume({
  autocommit: false,
  topics: env.FAIRPOLL_TOPICS.split(' ').map(pair => pair.split('=')[0]),
  mode: 'committed',
  fallbackMode: 'earliest',
  ...(env.TUNED ? { highWaterMark: 1, maxBytesPerPartition: 4096, maxBytes: 16384 } : {})
})
let stopping = false
async function stop () {
  if (stopping) return
  stopping = true
  await stream.close()
  await consumer.close(true)
  process.exit(0)
}
process.once('SIGTERM', stop)
readline.createInterface({ input: process.stdin })
  .on('line', command => { if (command === 'drain') interval = 0 })
  .on('close', stop)

for await (const message of stream) {
  await write(message.topic, message.partition, Number(message.offset))
  await message.commit()
  if (stopping) break
}
