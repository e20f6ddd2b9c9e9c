package valkey

import "github.com/warder-go/warder/resource/config"

// OpenStore opens the store of the block shared_state of a configuration file. It is for OpenStore
// in [config.Config].
func OpenStore(s config.StoreSettings) (config.Stores, error) {
	store, err := Open(Config{
		Addresses: s.Addresses, Mode: Mode(s.Mode), Database: s.Database, TLS: s.TLS, Prefix: s.Prefix,
		SentinelMaster: s.SentinelMaster, SentinelUsername: s.SentinelUsername, SentinelPasswordFile: s.SentinelPasswordFile,
		Username: s.Username, PasswordFile: s.PasswordFile, Timeout: s.Timeout, Logger: s.Logger,
		MaxCalls: s.MaxCalls, MaxRevocations: s.MaxRevocations, MaxProofsPerKey: s.MaxProofsPerKey,
	})
	if err != nil {
		return config.Stores{}, err
	}
	return config.Stores{
		Revocations: store.Revocations(), Replays: store.Replays(), Answers: store.Answers(),
		Metrics: store, Close: store.Close,
	}, nil
}
