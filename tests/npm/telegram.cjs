// A Telegram that strangers wrote: node telegram.cjs PORT
const TelegramServer = require("telegram-test-api");

const server = new TelegramServer({ host: "127.0.0.1", port: Number(process.argv[2]) });
server.start().then(() => console.log("Ready."));
