// A day of LibreChat, played through LibreChat's own data layer: `node day.mjs MODULES URI PHASE LEDGER`.
//
// Each phase writes what LibreChat would write, and notes in the ledger what every figure must come to. The phases go
// on from each other: `history` is there before the exporter starts, the others happen while it runs.
import { randomUUID } from 'node:crypto';
import { connect, age } from './librechat.mjs';
import { Ledger } from './ledger.mjs';

const [modules, uri, phase, file] = process.argv.slice(2);
const ledger = new Ledger(file);
const { mongoose, schemas, models, methods } = await connect(modules, uri);
const { ids } = ledger;
const balance = { enabled: true, startBalance: 1_000_000 };

/** Waits, so that two instants differ by more than a millisecond. */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function register(name, role, provider = 'local') {
  const user = await methods.createUser(
    { name, email: `${name}@example.com`, username: name, role, provider, emailVerified: true },
    balance,
    true,
    true,
  );
  ids[name] = user._id.toString();
  ledger.add('librechat_user_count');
  ledger.add('librechat_user_count_by_email_domain', 1, { email_domain: 'example.com' });
  ledger.add('librechat_user_count_by_role', 1, { role });
  ledger.add('librechat_user_provider_count', 1, { provider });
  ledger.add('librechat_users_registered_total', 1, { provider });
  ledger.add('librechat_balance_count');
  ledger.add('librechat_balance_credits', balance.startBalance);
}

async function signIn(name) {
  const { session, refreshToken } = await methods.createSession(ids[name]);
  ledger.add('librechat_session_count');
  ledger.add('librechat_session_active_count');
  ledger.add('librechat_logins_total');
  ids[`${name}.session`] = session._id.toString();
  ids[`${name}.cookie`] = refreshToken;
}

/** What LibreChat's price list says, in USD for a token. */
const price = (model, tokenType) => methods.getMultiplier({ model, tokenType }) / 1e6;
const cachePrice = (model, cacheType) => methods.getCacheMultiplier({ model, cacheType }) / 1e6;

function booked(chat, model, context, usage, agent) {
  const { input = 0, output = 0, write = 0, read = 0 } = usage;
  const rows = (input || write || read ? 1 : 0) + (output ? 1 : 0);
  const prompt = input * price(model, 'prompt') +
    (write ? write * cachePrice(model, 'write') : 0) + (read ? read * cachePrice(model, 'read') : 0);
  const completion = output * price(model, 'completion');
  ledger.add('librechat_transaction_count', rows);
  ledger.add('librechat_transaction_cost_total_usd', prompt + completion);
  ledger.add('librechat_transaction_cost_per_model', prompt + completion, { model });
  ledger.add('librechat_transaction_cost_by_email_domain', prompt + completion, { email_domain: 'example.com' });
  if (agent) ledger.add('librechat_transaction_cost_by_agent', prompt + completion, { agent });
  ledger.add('librechat_balance_credits', -(prompt + completion) * 1e6);
  if (prompt) ledger.add('librechat_cost_usd_total', prompt, { model, token_type: 'input', context });
  if (completion) ledger.add('librechat_cost_usd_total', completion, { model, token_type: 'output', context });
  const tokens = { input, output, cache_write: write, cache_read: read };
  for (const [token_type, amount] of Object.entries(tokens)) {
    if (amount) ledger.add('librechat_tokens_total', amount, { model, token_type, context });
  }
}

async function spend(chat, model, context, usage, agent) {
  const data = {
    user: new mongoose.Types.ObjectId(ids[chat.user]), conversationId: chat.id, model, context,
    balance: { enabled: true }, transactions: { enabled: true },
  };
  const { input, output, write, read } = usage;
  if (write || read) {
    await methods.spendStructuredTokens(data, { promptTokens: { input, write, read }, completionTokens: output });
  } else {
    await methods.spendTokens(data, { promptTokens: input, completionTokens: output });
  }
  booked(chat, model, context, usage, agent);
}

async function begin(user, endpoint, fields = {}) {
  const chat = { id: randomUUID(), user, endpoint, last: '00000000-0000-0000-0000-000000000000' };
  await save(chat, fields);
  ledger.add('librechat_conversation_count');
  ledger.add('librechat_conversations_started_total', 1, { endpoint });
  return chat;
}

const save = (chat, fields = {}) =>
  methods.saveConvo({ userId: ids[chat.user], ...chat.options }, { conversationId: chat.id, endpoint: chat.endpoint, title: 'never read', ...fields });

const put = (chat, message) =>
  methods.saveMessage({ userId: ids[chat.user], ...chat.options }, { conversationId: chat.id, endpoint: chat.endpoint, ...message });

async function ask(chat, tokenCount = 7) {
  const messageId = randomUUID();
  await put(chat, { messageId, parentMessageId: chat.last, sender: 'User', text: 'never read', isCreatedByUser: true, tokenCount });
  chat.last = messageId;
  ledger.add('librechat_message_count');
  ledger.add('librechat_message_token_sum', tokenCount);
  ledger.add('librechat_messages_created_total', 1, { endpoint: chat.endpoint, side: 'user' });
}

/** An answer, first saved in part as LibreChat does when the browser leaves, then whole. */
async function answer(chat, model, message = {}) {
  const messageId = randomUUID();
  const whole = {
    messageId, parentMessageId: chat.last, sender: 'AI', model, isCreatedByUser: false, tokenCount: 20, error: false,
    unfinished: false, text: '', content: [{ type: 'text', text: 'never read' }], ...message,
  };
  if (message.inParts) await put(chat, { ...whole, inParts: undefined, unfinished: true, content: [], tokenCount: undefined });
  delete whole.inParts;
  delete whole.hasFailed;
  await put(chat, whole);
  await save(chat, message.inParts ? {} : { model });
  chat.last = messageId;
  ledger.add('librechat_message_count');
  if (!model.startsWith('agent_')) ledger.add('librechat_model_usage_count', 1, { model });
  ledger.add('librechat_message_token_sum', whole.tokenCount);
  ledger.add('librechat_messages_created_total', 1, { endpoint: chat.endpoint, side: 'assistant' });
  if (!message.hasFailed) ledger.add('librechat_answer_tokens_count', 1, { model: provided(model), agent: named(model) });
  return messageId;
}

/** The model that answers: an agent's own. */
const provided = (model) => (model.startsWith('agent_') ? 'gpt-4o' : model);

/** The agent that answers, by its name: there is one. */
const named = (model) => (model.startsWith('agent_') ? 'Researcher' : '');

const phases = {
  history, people, chats, opinions, changed, cleared, failures, refill, shelf, queue, copies, passing, deletions,
};

async function history() {
  await register('ada', 'ADMIN');
  await register('ben', 'USER');
  const chat = await begin('ben', 'openAI');
  await ask(chat);
  ids.copied = { chat, answer: await answer(chat, 'gpt-4o') };
  const content = [{ type: 'tool_call', tool_call: { id: 'c0', name: 'web_search', args: '{}', output: 'never read' } }];
  await ask(chat);
  await answer(chat, 'gpt-4o', { content, feedback: { rating: 'thumbsUp' } });
  ledger.add('librechat_message_feedback_thumbs_up_total');
  await spend(chat, 'gpt-4o', 'message', { input: 1000, output: 200 });
  await age(mongoose, 3 * 60_000);
  // What was there before the exporter started counts nothing.
  ledger.forget(['librechat_users_registered_total', 'librechat_logins_total', 'librechat_cost_usd_total',
    'librechat_tokens_total', 'librechat_conversations_started_total', 'librechat_messages_created_total',
    'librechat_answer_tokens_count']);
}

async function people() {
  await register('cleo', 'USER', 'openid');
  await register('dan', 'USER');
  for (const name of ['ada', 'ben', 'cleo']) await signIn(name);
  // A refresh replaces the token of the session that is there: no login.
  const session = await methods.findSession({ sessionId: ids['ada.session'] }, { lean: false });
  ids['ada.replaced'] = ids['ada.cookie'];
  await pause(1100);
  ids['ada.cookie'] = await methods.generateRefreshToken(session);
  const group = await methods.createGroup({ name: 'Research', source: 'local', memberIds: [ids.ben, ids.cleo] });
  ids.group = group._id.toString();
}

async function chats() {
  const plain = await begin('ben', 'openAI');
  await ask(plain);
  ids.rated = await answer(plain, 'gpt-4o', { inParts: true });
  await spend(plain, 'gpt-4o', 'message', { input: 120, output: 40 });
  await spend(plain, 'gpt-4o-mini', 'title', { input: 30, output: 5 });
  const cached = await begin('cleo', 'anthropic');
  await ask(cached);
  await answer(cached, 'claude-sonnet-4-5');
  await spend(cached, 'claude-sonnet-4-5', 'message', { input: 500, write: 200, read: 3000, output: 90 });
  const agent = await methods.createAgent({
    id: 'agent_researcher', name: 'Researcher', provider: 'openAI', model: 'gpt-4o', author: new mongoose.Types.ObjectId(ids.ada),
    tools: ['web_search'],
  });
  ledger.add('librechat_agent_count');
  const working = await begin('cleo', 'agents', { agent_id: agent.id });
  await ask(working);
  const calls = ['ok', 'ok'].map((_, index) => ({
    type: 'tool_call',
    tool_call: { id: `call${index}`, name: 'search_mcp_wiki', args: '{}', output: 'never read', progress: 1 },
  }));
  await answer(working, agent.id, { content: [...calls, { type: 'text', text: 'never read' }] });
  ledger.add('librechat_tool_invocations_total', 2, { tool: 'search', server: 'wiki', kind: 'mcp', status: 'unknown' });
  ledger.add('librechat_agent_usage_count', 1, { agent: 'Researcher' });
  await spend(working, 'gpt-4o', 'message', { input: 700, output: 60 }, 'Researcher');
  ids.chats = { plain, cached, working };
}

async function opinions() {
  const rate = (feedback) => methods.updateMessage(ids.ben, { messageId: ids.rated, feedback });
  await rate({ rating: 'thumbsUp', tag: { key: 'accurate_reliable' } });
  ledger.add('librechat_message_feedback_thumbs_up_total');
  ledger.add('librechat_feedback_given_total', 1, { rating: 'thumbsUp', model: 'gpt-4o' });
}

/** The rating of the phase before, changed: counts again. */
async function changed() {
  await methods.updateMessage(ids.ben, { messageId: ids.rated, feedback: { rating: 'thumbsDown', tag: { key: 'not_helpful' } } });
  ledger.add('librechat_message_feedback_thumbs_up_total', -1);
  ledger.add('librechat_message_feedback_thumbs_down_total');
  ledger.add('librechat_feedback_given_total', 1, { rating: 'thumbsDown', model: 'gpt-4o' });
}

/** And cleared: counts nothing. */
async function cleared() {
  await methods.updateMessage(ids.ben, { messageId: ids.rated, feedback: undefined, $unset: { feedback: 1 } });
  ledger.add('librechat_message_feedback_thumbs_down_total', -1);
}

/** What goes wrong: a provider that refuses, LibreChat that refuses, tools that fail; and what is thought of an agent. */
async function failures() {
  const { plain, working } = ids.chats;
  // A provider's refusal is a part of an answer that is none.
  await ask(plain);
  const error = 'An error occurred while processing the request: 429 Rate limit reached\n\nTroubleshooting URL: never read';
  await answer(plain, 'gpt-4o', { hasFailed: true, content: [{ type: 'error', error }], tokenCount: 4 });
  failed({ endpoint: 'openAI', model: 'gpt-4o', agent: '', error_type: 'http_429' });
  // LibreChat's own: the question and the refusal have neither endpoint nor model.
  const question = randomUUID();
  const refused = { conversationId: plain.id, endpoint: undefined };
  await put(plain, { ...refused, messageId: question, parentMessageId: plain.last, sender: 'User', text: 'never read', isCreatedByUser: true });
  const text = JSON.stringify({ type: 'message_limit', max: 40, limiter: 'user', windowInMinutes: 1 });
  await put(plain, { ...refused, messageId: randomUUID(), parentMessageId: question, sender: 'AI', text, error: true, unfinished: false, isCreatedByUser: false });
  ledger.add('librechat_message_count', 2);
  ledger.add('librechat_error_message_count');
  for (const side of ['user', 'assistant']) ledger.add('librechat_messages_created_total', 1, { endpoint: 'openAI', side });
  failed({ endpoint: 'openAI', model: 'gpt-4o', agent: '', error_type: 'message_limit' });
  // An agent whose tools succeed, fail and are made up; it then breaks off.
  const call = (id, name, output) => ({
    type: 'tool_call',
    tool_call: { id, name, args: '{}', output, progress: 1, runStepStatus: 'completed', runStepDurationMs: 1500 },
  });
  const calls = [
    call('f0', 'search_mcp_wiki', 'never read'),
    call('f1', 'search_mcp_wiki', 'Error: [MCP][wiki][search] tool call failed: MCP error -32001: Request timed out'),
    call('f2', 'no_such_tool', 'Error processing tool: Tool no_such_tool not found.'),
  ];
  await ask(working);
  const broken = { type: 'error', error: 'An error occurred while processing the request: Connection error.' };
  const id = await answer(working, 'agent_researcher', { hasFailed: true, content: [...calls, broken], tokenCount: 4 });
  ledger.add('librechat_agent_usage_count', 1, { agent: 'Researcher' });
  failed({ endpoint: 'agents', model: 'gpt-4o', agent: 'Researcher', error_type: 'connection' });
  for (const status of ['ok', 'error']) {
    ledger.add('librechat_tool_invocations_total', 1, { tool: 'search', server: 'wiki', kind: 'mcp', status });
  }
  ledger.add('librechat_tool_invocations_total', 1, { tool: 'no_such_tool', server: '', kind: 'builtin', status: 'error' });
  ledger.add('librechat_tool_invocation_seconds_sum', 3, { tool: 'search' });
  await methods.updateMessage(ids.cleo, { messageId: id, feedback: { rating: 'thumbsDown', tag: { key: 'not_helpful' } } });
  ledger.add('librechat_message_feedback_thumbs_down_total');
  ledger.add('librechat_feedback_given_total', 1, { rating: 'thumbsDown', model: 'gpt-4o' });
}

function failed(labels) {
  const { endpoint, error_type } = labels;
  ledger.add('librechat_failed_answers_total', 1, labels);
  ledger.add('librechat_answer_errors_total', 1, { endpoint, error_type });
}

/** A balance that is used up, and filled again when an answer asks for credits; those are reserved until it is there. */
async function refill() {
  await models.Balance.updateOne({ user: ids.ada }, {
    tokenCredits: 0, autoRefillEnabled: true, refillAmount: 50_000, refillIntervalValue: 1, refillIntervalUnit: 'days',
    lastRefill: new Date(Date.now() - 2 * 86_400_000),
  });
  ledger.add('librechat_balance_credits', -balance.startBalance);
  const expiresAt = new Date(Date.now() + 3_600_000);
  const { reserved } = await methods.reserveBalance({ user: ids.ada, reservationId: randomUUID(), amount: 700, expiresAt });
  if (!reserved) throw new Error('the balance was not refilled');
  ledger.add('librechat_balance_credits', 50_000);
  ledger.add('librechat_balance_reserved_credits', 700);
  ledger.add('librechat_transaction_count');
  ledger.add('librechat_credits_granted_usd_total', 0.05, { context: 'autoRefill' });
}

async function shelf() {
  const { plain } = ids.chats;
  await methods.createConversationTag(ids.ben, { tag: 'work', description: 'never read', addToConversation: true, conversationId: plain.id });
  ledger.add('librechat_conversation_tag_count');
  ledger.add('librechat_conversation_tag_usage_count', 1, { tag: 'work' });
  await methods.savePreset(ids.ben, { presetId: randomUUID(), title: 'never read', endpoint: 'openAI', model: 'gpt-4o' });
  ledger.add('librechat_preset_count');
  const { group } = await methods.createPromptGroup({
    prompt: { prompt: 'never read', type: 'text' }, group: { name: 'Summary', category: 'writing' },
    author: new mongoose.Types.ObjectId(ids.ada), authorName: 'ada',
  });
  ledger.add('librechat_prompt_group_count');
  ledger.add('librechat_prompt_count');
  ledger.add('librechat_prompt_count_by_type', 1, { type: 'text' });
  ledger.add('librechat_prompt_group_count_by_category', 1, { category: 'writing' });
  await methods.incrementPromptGroupUsage(group._id.toString());
  await methods.createSharedLink(ids.ben, plain.id);
  ledger.add('librechat_shared_link_count');
  for (const [name, bytes] of [['a', 1000], ['b', 2500]]) {
    await methods.createFile({
      user: ids.ben, file_id: randomUUID(), filename: `${name}.pdf`, filepath: `/uploads/${name}`, bytes, object: 'file',
      type: 'application/pdf', source: 'local', context: 'message_attachment',
    }, true);
    ledger.add('librechat_file_count');
    ledger.add('librechat_file_count_by_type', 1, { type: 'application/pdf' });
    ledger.add('librechat_file_total_bytes', bytes);
  }
  ledger.add('librechat_files_by_source', 2, { source: 'local' });
  ledger.add('librechat_files_by_context', 2, { context: 'message_attachment' });
  await methods.createMemory({ userId: ids.ben, key: 'likes', value: 'never read', tokenCount: 5 });
  ledger.add('librechat_memory_entries');
  ledger.add('librechat_memory_tokens', 5);
  ledger.add('librechat_users_with_memories');
  const project = await methods.createChatProject(ids.ben, { name: 'Project' });
  ledger.add('librechat_chat_projects');
  await methods.assignConversationToProject(ids.ben, plain.id, project._id.toString());
  await methods.createMCPServer({ author: ids.ada, config: { title: 'Wiki', type: 'streamable-http', url: 'https://wiki.example.com/mcp' } });
  ledger.add('librechat_mcp_servers');
  await methods.createAgentApiKey({ userId: ids.cleo, name: 'never read' });
  ledger.add('librechat_agent_api_keys');
  await models.Key.create({ userId: ids.ben, name: 'openAI', value: 'never read' });
  ledger.add('librechat_key_count');
  await methods.updatePluginAuth({ userId: ids.ben, authField: 'KEY', pluginKey: 'search', value: 'never read' });
  ledger.add('librechat_plugin_auth_count');
  await methods.createToken({ userId: ids.ben, email: 'ben@example.com', token: 'never read', expiresIn: 900 });
  ledger.add('librechat_token_count');
  await methods.createToolCall({
    conversationId: plain.id, messageId: ids.rated, toolId: 'execute_code', user: ids.ben, result: 'never read',
  });
  ledger.add('librechat_tool_call_count');
  ledger.add('librechat_tool_call_count_by_tool', 1, { toolId: 'execute_code' });
  // What LibreChat's store of keys and values, which is not in the package, writes of a ban; its domains are none.
  const expiresAt = new Date(Date.now() + 3_600_000);
  await mongoose.connection.collection('logs').insertMany([
    { key: 'BANS:203.0.113.7', value: '{"value":{"expiresAt":1}}', expiresAt },
    { key: `BANS:${ids.dan}`, value: '{"value":{"expiresAt":1}}', expiresAt },
    { key: 'ban:203.0.113.7', value: '{"value":{"expiresAt":1}}', expiresAt: null },
    { key: 'ENCODED_DOMAINS:MTI3LjAuMC', value: '{"value":"never read"}', expiresAt: null },
  ]);
  ledger.add('librechat_violations', 2, { type: 'ban' });
  await models.Banner.create({ bannerId: 'b', message: 'never read', displayFrom: new Date(Date.now() - 1000), isPublic: true });
  ledger.add('librechat_banner_count');
  ledger.add('librechat_active_banner_count');
}

async function queue() {
  const scope = { user: ids.cleo, conversationId: ids.chats.working.id };
  const turns = [];
  for (let turn = 0; turn < 3; turn++) {
    const { turn: queued } = await methods.enqueueAgentQueuedTurn({
      ...scope, clientRequestId: randomUUID(), agentId: 'agent_researcher', text: 'never read',
      parentMessageId: ids.chats.working.last,
    });
    turns.push(queued);
  }
  await methods.cancelAgentQueuedTurn({ ...scope, queuedTurnId: turns[2].queuedTurnId });
  ledger.add('librechat_queued_turns', 2, { status: 'queued' });
  ledger.add('librechat_queued_turns', 1, { status: 'cancelled' });
  const schedule = await methods.createSchedule({
    id: 'sched_1', user: ids.cleo, agent_id: 'agent_researcher', name: 'Report', prompt: 'never read', enabled: true,
    cadence: { frequency: 'daily', hour: 9, minute: 0 }, timezone: 'UTC', claimToken: randomUUID(),
  });
  ledger.add('librechat_schedules', 1, { state: 'on' });
  const now = Date.now();
  const at = (minute) => new Date(now - minute * 60_000);
  const run = { scheduleId: schedule.id, user: ids.cleo, agentId: 'agent_researcher' };
  await methods.reserveStartedRun({ ...run, scheduledFor: at(2), firedAt: at(2) });
  const mcp = [{ server: 'wiki', status: 'ready' }, { server: 'mail', status: 'mcp_reauth_required' }];
  await methods.setRunFireDetails(schedule.id, at(2), { conversationId: ids.chats.working.id, mcp });
  ledger.add('librechat_schedule_runs_with_mcp_problem', 1, { problem: 'mcp_reauth_required' });
  await methods.recordRunOutcome({ scheduleId: schedule.id, scheduledFor: at(2), status: 'success' });
  await methods.reserveStartedRun({ ...run, scheduledFor: at(1), firedAt: at(1) });
  await methods.recordSkippedRun({ ...run, scheduledFor: at(0), status: 'skipped_overlap' });
  for (const status of ['started', 'success', 'skipped_overlap']) ledger.add('librechat_schedule_runs', 1, { status });
}

/** A fork as LibreChat makes it: other ids, the old dates, one bulk write. And an import of another year. */
async function copies() {
  const { chat } = ids.copied;
  const originals = await methods.getMessages({ conversationId: chat.id, user: ids.ben });
  const fork = { ...chat, id: randomUUID() };
  await methods.bulkSaveConvos([{ conversationId: fork.id, user: ids.ben, endpoint: 'openAI', title: 'never read', createdAt: new Date(), updatedAt: new Date() }]);
  const copied = originals.map(({ _id, __v, ...message }) => ({ ...message, messageId: randomUUID(), conversationId: fork.id }));
  await methods.bulkSaveMessages(copied, true);
  ledger.add('librechat_conversation_count');
  // An import has its own dates, and no `updatedAt`.
  const imported = { id: randomUUID(), at: new Date('2025-01-05T10:00:00Z') };
  await methods.bulkSaveConvos([{ conversationId: imported.id, user: ids.ben, endpoint: 'openAI', title: 'never read', createdAt: imported.at }]);
  const read = { conversationId: imported.id, user: ids.ben, endpoint: 'openAI', text: 'never read', createdAt: imported.at, error: false };
  const [asked, answered] = [randomUUID(), randomUUID()];
  copied.push(
    { ...read, messageId: asked, parentMessageId: null, sender: 'User', isCreatedByUser: true, tokenCount: 3 },
    { ...read, messageId: answered, parentMessageId: asked, sender: 'AI', isCreatedByUser: false, model: 'gpt-4o', tokenCount: 9 },
  );
  await methods.bulkSaveMessages(copied.slice(-2), true);
  ledger.add('librechat_conversation_count');
  for (const message of copied) {
    const side = message.isCreatedByUser ? 'user' : 'assistant';
    ledger.add('librechat_message_count');
    ledger.add('librechat_message_token_sum', message.tokenCount);
    ledger.add('librechat_messages_created_total', 1, { endpoint: 'openAI', side });
    ledger.add('librechat_copied_messages_total');
    if (!message.isCreatedByUser) ledger.add('librechat_model_usage_count', 1, { model: message.model });
    if (message.feedback) ledger.add('librechat_message_feedback_thumbs_up_total');
  }
}

/** What lasts a while only: a temporary chat; credits bought and given. */
async function passing() {
  const chat = { id: randomUUID(), user: 'dan', endpoint: 'openAI', last: '00000000-0000-0000-0000-000000000000', options: { isTemporary: true, interfaceConfig: {} } };
  await save(chat);
  ledger.add('librechat_conversation_count');
  ledger.add('librechat_conversations_started_total', 1, { endpoint: 'openAI' });
  await ask(chat);
  await answer(chat, 'gpt-4o-mini');
  await spend(chat, 'gpt-4o-mini', 'message', { input: 90, output: 10 });
  await methods.createTransaction({
    user: new mongoose.Types.ObjectId(ids.dan), tokenType: 'credits', context: 'autoRefill', rawAmount: 250_000, balance: { enabled: true },
  });
  ledger.add('librechat_transaction_count');
  ledger.add('librechat_balance_credits', 250_000);
  ledger.add('librechat_credits_granted_usd_total', 0.25, { context: 'autoRefill' });
}

async function deletions() {
  const { plain, cached } = ids.chats;
  await methods.deleteMessages({ messageId: cached.last, user: ids.cleo });
  ledger.add('librechat_message_count', -1);
  ledger.add('librechat_message_token_sum', -20);
  ledger.add('librechat_model_usage_count', -1, { model: 'claude-sonnet-4-5' });
  await methods.deleteConvos(ids.ben, { conversationId: plain.id });
  ledger.add('librechat_conversation_count', -1);
  ledger.add('librechat_conversation_tag_usage_count', -1, { tag: 'work' });
  // Two questions and answers, one of which has failed; and what was refused.
  ledger.add('librechat_message_count', -6);
  ledger.add('librechat_error_message_count', -1);
  ledger.add('librechat_message_token_sum', -(7 + 20 + 7 + 4));
  ledger.add('librechat_model_usage_count', -2, { model: 'gpt-4o' });
  // An account: its sessions, balance and transactions, then the user.
  const dan = new mongoose.Types.ObjectId(ids.dan);
  const spent = 90 * price('gpt-4o-mini', 'prompt') + 10 * price('gpt-4o-mini', 'completion');
  await methods.deleteAllUserSessions(ids.dan);
  await methods.deleteTransactions({ user: dan });
  await methods.deleteBalances({ user: dan });
  await methods.deleteConvos(ids.dan, {});
  await methods.deleteUserById(ids.dan);
  ledger.add('librechat_user_count', -1);
  ledger.add('librechat_user_count_by_email_domain', -1, { email_domain: 'example.com' });
  ledger.add('librechat_user_count_by_role', -1, { role: 'USER' });
  ledger.add('librechat_user_provider_count', -1, { provider: 'local' });
  ledger.add('librechat_balance_count', -1);
  ledger.add('librechat_balance_credits', -(balance.startBalance + 250_000 - spent * 1e6));
  ledger.add('librechat_transaction_count', -3);
  ledger.add('librechat_transaction_cost_total_usd', -spent);
  ledger.add('librechat_transaction_cost_per_model', -spent, { model: 'gpt-4o-mini' });
  ledger.add('librechat_transaction_cost_by_email_domain', -spent, { email_domain: 'example.com' });
  ledger.add('librechat_conversation_count', -1);
  ledger.add('librechat_message_count', -2);
  ledger.add('librechat_message_token_sum', -27);
  ledger.add('librechat_model_usage_count', -1, { model: 'gpt-4o-mini' });
  // Signs out.
  await methods.deleteSession({ sessionId: ids['cleo.session'] });
  ledger.add('librechat_session_count', -1);
  ledger.add('librechat_session_active_count', -1);
}

if (!phases[phase]) throw new Error(`no phase ${phase}; there are ${Object.keys(phases).join(' ')}`);
await phases[phase]();
ledger.save();
process.stdout.write(ledger.text());
await mongoose.disconnect();
