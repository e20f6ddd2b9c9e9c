// Package securityevents receives security events that an issuer pushes, and revokes the tokens that
// they are about.
//
// An event arrives in a security event token (SET, RFC 8417), by push delivery (RFC 8935), as the
// OpenID Shared Signals Framework (SSF 1.0) uses them. The package is only the endpoint for the
// delivery. It does not create streams: configure the stream at the issuer. It does not poll
// (RFC 8936).
//
// These events revoke tokens:
//
//   - session-revoked (CAEP 1.0 §3.1), for a session, a user or one token
//   - account-disabled and account-purged (RISC 1.0 §2.3 and §2.2), for a user
//   - sessions-revoked (RISC, deprecated), for a user
//
// All other events are acknowledged and have no effect, among them the verification of a stream and
// account-enabled. The tokens of a later login of the user stay valid, because an entry for a
// user is only for tokens that were issued up to the event. If the tokens of the issuer have no iat,
// those of a later login are rejected too, until the entry ends.
//
// The formats iss_sub, opaque, jwt_id, complex and aliases identify tokens (RFC 9493, SSF 1.0
// §3). An opaque identifier is compared with sub and, in session-revoked, also with sid. In a
// complex subject, only user and session are read. Other members, such as device and tenant,
// would only restrict what is revoked, so more is revoked, never less.
//
// An email address, a telephone number or an account URI does not identify tokens: such an
// event is acknowledged, counted and logged, and revokes nothing. Configure the format iss_sub at
// the issuer.
package securityevents
