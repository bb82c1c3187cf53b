package flow

// tcpState is how far one side of a TCP connection is, as much of it as ct_state depends on.
type tcpState uint8

const (
	tcpClosed  tcpState = iota // nothing came from this side
	tcpOpening                 // something did
	tcpEstablished
	tcpClosing // it has sent a FIN
	tcpFinished
	tcpReset
)

// Flags of TCP (RFC 9293, 3.1).
const (
	tcpFIN = 1 << iota
	tcpSYN
	tcpRST
	tcpPSH
	tcpACK
	tcpURG
)

// update tells conntrack of another packet of c, which has a tuple of c's, and returns what the packet is to it. over tells that c is
// over, and that the packet begins another one with the same tuple.
func (c *connection) update(p *packet, reply bool) (state uint64, over bool) {
	established := uint64(CTTracked | CTEstablished)
	if reply {
		established |= CTReply
	}
	if c.original.proto == protoTCP {
		return c.updateTCP(p.transport()[13], reply, established)
	}
	if c.answered = c.answered || reply; !c.answered {
		return CTTracked | CTNew, false
	}
	return established, false
}

func (c *connection) updateTCP(flags uint8, reply bool, established uint64) (state uint64, over bool) {
	from, to := &c.peers[0], &c.peers[1]
	if reply {
		from, to = to, from
	}
	switch {
	case !tcpFlagsMakeSense(flags):
		return CTTracked | CTInvalid, false
	case flags&(tcpSYN|tcpACK) != tcpSYN:
	case *from >= tcpFinished && *to >= tcpFinished:
		return 0, true
	case *from <= tcpOpening:
		*from = tcpOpening
		return CTTracked | CTNew, false
	}
	*from = max(*from, tcpOpening)
	if flags&tcpFIN != 0 {
		*from = max(*from, tcpClosing)
	}
	if flags&tcpACK != 0 {
		switch *to {
		case tcpOpening:
			*to = tcpEstablished
		case tcpClosing:
			*to = tcpFinished
		}
	}
	if flags&tcpRST != 0 {
		*from, *to = tcpReset, tcpReset
	}
	return established, false
}

// tcpFlagsMakeSense tells whether a segment can have these flags, to Open vSwitch's mind.
func tcpFlagsMakeSense(flags uint8) bool {
	switch {
	case flags&tcpSYN != 0 && flags&(tcpRST|tcpFIN) != 0, flags&(tcpSYN|tcpACK|tcpRST) == 0:
		return false
	}
	return flags&tcpACK != 0 || flags&(tcpFIN|tcpPSH|tcpURG) == 0
}
