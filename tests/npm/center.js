// A message centre made of the npm package "smpp": commands come as JSON lines, so do events.
const readline = require('readline');
const smpp = require('smpp');

const [password] = process.argv.slice(2);
const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const statuses = [];
let bound = null;
let count = 0;

const server = smpp.createServer((session) => {
	session.on('error', () => {});
	for (const kind of ['bind_transceiver', 'bind_receiver', 'bind_transmitter']) {
		session.on(kind, (pdu) => {
			const known = pdu.password === password;
			session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RINVPASWD }));
			if (known && kind !== 'bind_transmitter') bound = session;
			tell({ event: kind, known, system_id: pdu.system_id });
		});
	}
	session.on('submit_sm', (pdu) => {
		const status = statuses.shift() || 0;
		const id = `npm-${++count}`;
		session.send(pdu.response({ command_status: status, message_id: id }));
		const { message, udh } = pdu.short_message;
		tell({
			event: 'submit_sm', status, id, to: pdu.destination_addr, from: pdu.source_addr, text: message,
			udh: udh ? Buffer.concat(udh).toString('hex') : '', data_coding: pdu.data_coding,
			registered_delivery: pdu.registered_delivery,
		});
	});
	session.on('enquire_link', (pdu) => session.send(pdu.response()));
	session.on('enquire_link', () => tell({ event: 'enquire_link' }));
	session.on('unbind', (pdu) => {
		session.send(pdu.response());
		tell({ event: 'unbind' });
		session.close();
	});
	session.on('close', () => {
		if (bound === session) bound = null;
		tell({ event: 'close' });
	});
});

const commands = {
	deliver: ({ number, fields, udh, text, cut }) => {
		const message = text === undefined ? '' : text;
		const short_message = udh ? { udh: Buffer.from(udh, 'hex'), message } : { message };
		const gone = !bound.deliver_sm({ ...fields, short_message }, (answer) =>
			tell({ event: 'answer', number, status: answer.command_status }));
		if (gone) tell({ event: 'answer', number, status: -1 });
		if (cut) bound.socket.end(() => bound && bound.destroy());
	},
	enquire: ({ number }) => bound.enquire_link((answer) =>
		tell({ event: 'answer', number, status: answer.command_status })),
	refuse: (command) => statuses.push(...command.statuses),
	drop: () => bound && bound.destroy(),
};

readline.createInterface({ input: process.stdin })
	.on('line', (line) => {
		const command = JSON.parse(line);
		commands[command.do](command);
	})
	.on('close', () => process.exit(0));
server.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));
