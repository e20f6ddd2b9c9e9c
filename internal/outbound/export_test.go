package outbound

var CheckAddr = checkAddr
