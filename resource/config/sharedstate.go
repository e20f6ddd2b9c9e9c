package config

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// SharedState are the keys of the block shared_state: the store that several processes share, and what
// they share in it.
type SharedState struct {
	Addresses            []string `yaml:"addresses" required:"here" doc:"addresses of the store, as host:port: the server with mode standalone, the sentinels with mode sentinel, some of the nodes with mode cluster"`
	Mode                 string   `yaml:"mode" enum:"standalone,sentinel,cluster" doc:"how the servers of the store work together. Default: standalone"`
	SentinelMaster       string   `yaml:"sentinel_master" doc:"name of the primary server at the sentinels. Required with mode sentinel"`
	Username             string   `yaml:"username" doc:"ACL user at the store. password_file is required too. Default: the default user"`
	PasswordFile         string   `yaml:"password_file" doc:"file with the password at the store. It is read for each connection. Default: no password"`
	SentinelUsername     string   `yaml:"sentinel_username" doc:"ACL user at the sentinels. sentinel_password_file is required too. Default: the default user"`
	SentinelPasswordFile string   `yaml:"sentinel_password_file" doc:"file with the password at the sentinels. It is read for each connection. Default: no password"`
	TLS                  bool     `yaml:"tls" doc:"true: connections to the store use TLS. Without it, everyone on the network can read the password and change what is shared. Default: false"`
	CAFile               string   `yaml:"ca_file" doc:"file of PEM certificates that are trusted for the store, instead of the system's certificates"`
	ServerName           string   `yaml:"server_name" doc:"name that the certificates of the store must have. Default: the host of each address"`
	ClientCertificate    string   `yaml:"tls_client_certificate_file" doc:"file with the client certificate for the store, in PEM with its chain. It is read for each connection"`
	ClientKey            string   `yaml:"tls_client_key_file" doc:"file with the private key of tls_client_certificate_file, in PEM"`
	Prefix               string   `yaml:"prefix" doc:"beginning of all names in the store: 1 to 64 characters of A-Z a-z 0-9 . _ -. Servers with the same prefix share what they store. Default: warder"`
	Database             *int     `yaml:"database" max:"65535" doc:"number of the database in the store. Default: 0"`
	Timeout              *int     `yaml:"timeout_milliseconds" min:"5" max:"5000" doc:"maximum time for a call that a request waits for, such as the one that stores a DPoP proof. Default: 50"`
	MaxCalls             *int     `yaml:"max_calls" min:"1" max:"500" doc:"maximum number of concurrent calls, separately for DPoP proofs, for introspection responses and for revocations. A further call fails at once. Default: 256"`

	Keys     []Secret `yaml:"keys" doc:"keys that hide what is in the store, at most 8, each a text of at least 32 random bytes, used as it is; the same for all replicas. The first is used for what is new, and all for what is found. Required, or key_files. They are also the keys of DPoP nonces if dpop_nonce_keys and dpop_nonce_key_files are absent"`
	KeyFiles []string `yaml:"key_files" doc:"files with the keys, instead of keys: one key in each, used as it is, byte for byte"`

	Revocations          *bool `yaml:"revocations" doc:"whether revocations are shared. Default: true"`
	Replays              *bool `yaml:"replays" doc:"whether used DPoP proofs are stored in the store, so that a proof is accepted once by all replicas together. false: each process stores its own. Default: true"`
	IntrospectionAnswers *bool `yaml:"introspection_answers" doc:"whether introspection responses are shared, so that usually one replica calls the endpoint about a token. Default: true"`

	MaxRevocations   *int `yaml:"max_revocations" min:"1" max:"100000000" doc:"maximum number of revocations in the store, and in the memory of this process, where one takes at most 58 bytes. If there are more, adding one is an error. Default: 1000000"`
	MaxRevocationAge *int `yaml:"max_revocation_age_seconds" min:"2" max:"3600" doc:"how old the copy of the shared revocations can be. If it is older, because of an outage of the store, all requests with a credential are rejected with 503. Default: 5"`
	MaxProofsPerKey  *int `yaml:"max_proofs_per_key" min:"1" max:"100000000" doc:"maximum number of DPoP proofs of one key that are stored. If more are used, requests with the key are rejected with 429. Default: 50000"`
	AcceptOutdated   bool `yaml:"accept_outdated_revocations" doc:"true: the copy of the shared revocations is used however old it is. During an outage of the store, TOKENS THAT ARE REVOKED MEANWHILE STAY VALID in the other processes. Default: false"`
}

// Format writes the settings for every verb without their keys. For %s, package fmt would print
// what a pointer in [Settings] points to, and not call the methods of [Secret].
func (s SharedState) Format(f fmt.State, _ rune) {
	type plain SharedState
	_, _ = fmt.Fprintf(f, "%+v", plain(s))
}

// StoreSettings are the settings of shared_state that are about the store. They contain no
// secret. [New] has checked them as far as it can without knowing the kind of the store. The zero
// value of each field but Addresses and Mode stands for a default, which depends on the kind of
// the store.
type StoreSettings struct {
	Addresses      []string // host:port, at least one; exactly one with the mode standalone
	Mode           string   // standalone, sentinel or cluster
	SentinelMaster string   // set with the mode sentinel only

	// Username and the path of the file with the password, at the store and at the sentinels. The file must be
	// read for each connection, so that a new password needs no restart.
	Username, PasswordFile                 string
	SentinelUsername, SentinelPasswordFile string

	TLS             *tls.Config // nil: no TLS. It reads the files of a client certificate for each connection
	Prefix          string      // of all names in the store
	Database        int
	Timeout         time.Duration // for a call that a request waits for
	MaxCalls        int           // at one time
	MaxRevocations  int           // in the store
	MaxProofsPerKey int
	Logger          *slog.Logger // nil: slog.Default()
}

// Stores are the parts of an open store. Those that the file does not use can be nil.
type Stores struct {
	Revocations revocation.Store
	Replays     resource.Replays
	Answers     introspect.Answers
	Metrics     prometheus.Collector // nil: none. [Live] includes its series, with the label resource
	Close       func()               // nil: the store need not be closed
}

// shares reports whether something is shared that is shared by default.
func shares(setting *bool) bool { return setting == nil || *setting }

func (s *SharedState) sharesRevocations() bool { return shares(s.Revocations) }
func (s *SharedState) sharesReplays() bool     { return shares(s.Replays) }
func (s *SharedState) sharesAnswers() bool     { return shares(s.IntrospectionAnswers) }
