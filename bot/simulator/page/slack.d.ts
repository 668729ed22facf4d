// What the page reads from `/_control/`: what a person sees, what went over the wire, what the app recorded.

type App = import("./app.js").App;
type Pane = "channel" | "thread";

declare namespace Slack {
  interface User {
    id: string;
    name: string;
    real_name: string;
    is_bot: boolean;
    is_shown: boolean;
    can_act: boolean;
  }

  interface Channel {
    id: string;
    name: string;
    kind: "public" | "private" | "im";
    n_members: number;
    has_app: boolean;
    is_shared: boolean;
  }

  /** What the app is doing in a thread. */
  interface Activity {
    status: string;
    is_running: boolean;
  }

  interface Stream {
    state: string;
    tasks: Block[];
  }

  interface File {
    id: string;
    name: string;
    title: string;
    size: number;
  }

  interface Message {
    ts: string;
    user: string | null;
    username: string | null;
    subtype: string | null;
    text: string;
    markdown: string;
    blocks: Block[];
    files: File[];
    attachments: Block[];
    reactions: Record<string, string[]>;
    thread_ts: string | null;
    version: number;
    is_app: boolean;
    is_ephemeral: boolean;
    edited: boolean;
    stream: Stream | null;
    replies: { n: number; users: string[]; latest: string; activity: Activity | null };
  }

  interface Thread extends Activity {
    ts: string;
    order: string[];
    n_earlier: number;
    title: string;
  }

  interface Prompt {
    title: string;
    message: string;
  }

  /** `messages` has only those that changed since the screen before; `order` names all that are shown. */
  interface Screen {
    boot: string;
    revision: number;
    version: number;
    me: string;
    app: string;
    users: User[];
    channels: Channel[];
    channel: string;
    messages: Record<string, Message>;
    order: string[];
    n_earlier: number;
    prompts: Prompt[];
    thread: Thread | null;
    modals: View[];
    home: View | null;
    examples: string[];
    commands: Record<string, string>;
    shortcuts: Record<string, string>;
    emoji: string[];
  }

  /** Whatever the app sent: Block Kit is drawn as far as it is understood. */
  type Block = Record<string, any>;
  type View = Block & { id: string };

  /** How the app took a click or a form. */
  interface Ack {
    error?: string;
    body?: { response_action?: string; errors?: Record<string, string> };
  }
}

declare namespace Wire {
  interface Exchange {
    n: number;
    at: number;
    seconds: number;
    status: number | null;
    channel: string;
  }

  interface Call extends Exchange {
    method: string;
    is_ok: boolean;
    error: string;
    fault: string;
  }

  interface Delivery extends Exchange {
    kind: string;
    event_type: string;
    subtype: string;
    attempt: number;
    reason: string;
  }

  interface Rows {
    calls: Call[];
    deliveries: Delivery[];
    n_calls: number;
    n_deliveries: number;
  }
}

declare namespace Recorded {
  interface Story {
    turns: Turn[];
    note?: string;
  }

  interface Turn {
    id: string;
    question: string;
    status: string;
    reason: string | null;
    answer: string | null;
    error_id: string | null;
    notice: string | null;
    delivery_error: string | null;
    model: string | null;
    cost_usd: number | null;
    n_steps: number;
    prompt_tokens: number;
    cached_tokens: number;
    completion_tokens: number;
    created_at: string;
    finished_at: string | null;
    tool_calls: ToolCall[];
    model_calls: ModelCall[];
    sources: Source[];
    feedback: { user_id: string; rating: number; comment: string | null }[];
  }

  interface ToolCall {
    position: number;
    call_id: string;
    name: string;
    arguments: Record<string, unknown> | null;
    result: { passages?: { n: number; text: string }[] } | null;
    is_error: boolean;
    duration_ms: number | null;
  }

  interface ModelCall {
    position: number;
    attempt: number;
    purpose: string;
    model: string;
    status: string;
    params: unknown;
    request: unknown;
    response: unknown;
    prompt_tokens: number | null;
    completion_tokens: number | null;
    cost_usd: number | null;
    latency_ms: number | null;
    first_token_ms: number | null;
    n_tries: number;
    finish_reason: string | null;
    error: string | null;
  }

  interface Source {
    n: number;
    title: string;
    url: string;
    heading_path: string;
    score: number | null;
    is_cited: boolean;
  }
}
