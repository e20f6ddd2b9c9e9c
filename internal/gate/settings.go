package gate

// settings are the values of gate.yaml. The decoder and the tables in docs/gate.md are based on
// the struct tags: yaml is the key, doc is its description, and default, enum, min and max are
// about its value. The authorization blocks are decoded by package config.
type settings struct {
	Listen         string        `yaml:"listen" required:"here" doc:"address of the public listener, as host:port"`
	Admin          string        `yaml:"admin" doc:"address of the listener for /healthz, /readyz, /metrics and /.well-known/jwks.json. It has no authentication and no TLS. Default: none of them is served"`
	TLS            *tlsSettings  `yaml:"tls" doc:"certificate of the public listener. Default: plain HTTP, for a gate behind a proxy"`
	CleartextHTTP2 bool          `yaml:"http2_cleartext" default:"false" doc:"true: a listener without TLS also accepts HTTP/2 with prior knowledge (h2c)"`
	TrustedProxies []string      `yaml:"trusted_proxies" doc:"addresses of proxies in front of the gate, such as 10.0.0.0/8 and 192.0.2.7. Their X-Forwarded-For is continued. Default: none; the field is replaced"`
	Limits         limits        `yaml:"limits" doc:"limits of the public listener"`
	Shutdown       shutdown      `yaml:"shutdown" doc:"the end of the process"`
	Identity       *identity     `yaml:"identity" doc:"JWT that tells upstreams who the caller is. Default: no JWT is sent"`
	AccessLog      bool          `yaml:"access_log" default:"false" doc:"true: one log record for each request, with method, upstream, status, duration and caller, without its path"`
	Upstreams      []upstreamSet `yaml:"upstreams" required:"here" doc:"the MCP servers behind the gate, at least one"`

	ForwardAuth *forwardSettings `yaml:"forward_auth" doc:"endpoint that decides about requests to another proxy. Default: none"`
}

type tlsSettings struct {
	CertFile           string `yaml:"cert_file" required:"here" doc:"file with the certificate and its chain, in PEM"`
	KeyFile            string `yaml:"key_file" required:"here" doc:"file with the private key, in PEM"`
	ClientCertificates bool   `yaml:"request_client_certificates" default:"false" doc:"true: clients are asked for a certificate. It is needed for tokens that are bound to one. The certificate itself is not verified"`
}

type limits struct {
	ReadHeaderSeconds int `yaml:"read_header_seconds" default:"10" min:"1" max:"300" doc:"for a client to send the header of a request"`
	ReadSeconds       int `yaml:"read_seconds" default:"30" min:"1" max:"3600" doc:"for a client to send a whole request"`
	WriteSeconds      int `yaml:"write_seconds" default:"60" min:"1" max:"3600" doc:"for a client to accept a part of a response. A stream without data has no such limit"`
	IdleSeconds       int `yaml:"idle_seconds" default:"120" min:"1" max:"3600" doc:"between two requests on a connection"`
	MaxHeaderBytes    int `yaml:"max_header_bytes" default:"32768" min:"4096" max:"1048576" doc:"size of the header of a request"`
	MaxRequests       int `yaml:"max_requests" default:"20000" min:"1" max:"1000000" doc:"requests and open streams at one time. More get 503"`
	MaxStreams        int `yaml:"max_concurrent_streams" default:"250" min:"1" max:"10000" doc:"requests and open streams at one time on one HTTP/2 connection"`
}

type shutdown struct {
	DelaySeconds int `yaml:"delay_seconds" default:"2" min:"0" max:"300" doc:"between the moment when /readyz begins to answer 503 and the moment when the listeners close"`
	GraceSeconds int `yaml:"grace_seconds" default:"25" min:"0" max:"3600" doc:"for open requests and streams to end, after the listeners have closed. The others are then cut off"`
}

type identity struct {
	Issuer          string   `yaml:"issuer" required:"here" doc:"claim iss of the JWT. Any text, for example the URL of the gate"`
	KeyFile         string   `yaml:"key_file" required:"here" doc:"file with the private key: P-256, PEM without a password or one JWK. It is read again when it changes"`
	FurtherKeyFiles []string `yaml:"further_key_files" doc:"files with other keys that are published and sign nothing: the next key, or those of other replicas"`
	LifetimeSeconds int      `yaml:"lifetime_seconds" default:"60" min:"10" max:"3600" doc:"from iat to exp. A JWT is sent again for a quarter of this time"`
	Header          string   `yaml:"header" default:"Warder-Identity" doc:"header field of the JWT"`
}

type upstreamSet struct {
	Name              string            `yaml:"name" required:"here" doc:"name in logs and metrics: letters, digits, - and _"`
	URL               string            `yaml:"url" doc:"URL of the MCP server that stands for resource_server_url. http or https. Default: another proxy serves the upstream, and asks the gate (forward_auth)"`
	CAFile            string            `yaml:"ca_file" doc:"file of PEM certificates that are trusted for url, instead of the system's certificates"`
	Audience          string            `yaml:"audience" doc:"claim aud of the identity JWT. Default: url, or resource_server_url without it"`
	ExtraPaths        []string          `yaml:"extra_paths" doc:"further paths that are sent to the server, unchanged, with those below them, such as /messages for the SSE transport. The host is that of resource_server_url"`
	CORS              bool              `yaml:"cors" default:"false" doc:"true: the gate answers preflights, and lets pages of the allowed origins read responses"`
	BindSessions      bool              `yaml:"bind_sessions" default:"false" doc:"true: a session can be used only by the caller who opened it (nethttp.BindSessions). The sessions are in the memory of this process"`
	IdentityHeaders   map[string]string `yaml:"identity_headers" enum:"id,subject,issuer,client_id,scopes,resource" doc:"header fields about the caller, each with what it contains"`
	RequestHeaders    []string          `yaml:"request_headers" doc:"further header fields of clients that the server gets, such as X-Request-Id. Default: only those listed below"`
	PassChallenges    bool              `yaml:"pass_challenges" default:"false" doc:"true: 401 and WWW-Authenticate of the server are passed on. Clients can then send their token for this server to another one"`
	ConnectSeconds    int               `yaml:"connect_seconds" default:"5" min:"1" max:"60" doc:"for a connection to the server, with its TLS handshake"`
	HeaderSeconds     int               `yaml:"response_header_seconds" default:"120" min:"1" max:"3600" doc:"for the server to begin its response"`
	IdleSeconds       int               `yaml:"idle_seconds" default:"4" min:"1" max:"3600" doc:"how long an unused connection to the server is kept. It must be shorter than at the server, where 5 s are common: otherwise a POST can meet a closed connection, and it is not repeated"`
	MaxConnections    int               `yaml:"max_connections" default:"20000" min:"1" max:"1000000" doc:"connections to the server. Further requests wait"`
	EventsPath        string            `yaml:"security_events_path" doc:"path at which the issuer delivers security events. Required with security_events in the block"`
	Authorization     presence          `yaml:"authorization" doc:"the block of docs/configuration.md. Exactly one of authorization and authorization_file is required"`
	AuthorizationFile string            `yaml:"authorization_file" doc:"file with such a block, instead of authorization"`
}

// presence is whether a key that another package decodes is present.
type presence bool

type forwardSettings struct {
	Path    string   `yaml:"path" default:"/_warder/auth" doc:"path of the endpoint. For style envoy it is the beginning of the path, before the original one"`
	Style   string   `yaml:"style" required:"here" enum:"nginx,traefik,caddy,envoy" doc:"how the proxy says what the original request is"`
	Proxies []string `yaml:"proxies" required:"here" doc:"addresses of the proxies, such as 10.0.0.0/8 and 192.0.2.7. Requests from others get 403"`
	Body    bool     `yaml:"body" default:"false" doc:"true: the proxy sends the whole body along. Without it, rules for operations are a mistake. Styles envoy and traefik can"`
}
