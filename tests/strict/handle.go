package strict

import "errors"

// take handles a message. An error ends the connection.
func (k *conn) take(m []byte) error {
	if !k.agreed {
		return k.hello(m)
	}
	frames, err := k.handleLocked(m)
	k.s.send(frames) // without the lock: it may come back to this switch
	return err
}

// hello agrees on the version (OpenFlow 1.3.5, 6.3.1).
func (k *conn) hello(m []byte) error {
	if m[1] != typeHello {
		return errIncompatible
	}
	speaks := m[0] >= version
	for body := m[headerLen:]; len(body) >= 8; {
		n := int(be16(body[2:]))
		if be16(body) == 1 { // a bitmap of versions decides
			speaks = be32(body[4:])>>version&1 != 0
		}
		if n < 4 {
			break
		}
		body = body[min((n+7)&^7, len(body)):]
	}
	if !speaks {
		k.push(errorMessage(helloIncompatible, m), false)
		return errIncompatible
	}
	k.agreed = true
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	k.s.conns[k] = true
	return nil
}

func (k *conn) handleLocked(m []byte) ([]sent, error) {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.cfg.Reorder {
		switch m[1] {
		case typeFlowMod, typeGroupMod, typeMeterMod:
			k.held = append(k.held, m)
			return nil, nil
		case typeEchoRequest, typeEchoReply:
		default:
			for ; len(k.held) > 0; k.held = k.held[:len(k.held)-1] {
				if _, err := k.handle(k.held[len(k.held)-1]); err != nil {
					return nil, err
				}
			}
		}
	}
	return k.handle(m)
}

// handle does what a message says, and answers with an error if that cannot be.
func (k *conn) handle(m []byte) ([]sent, error) {
	frames, err := k.dispatch(m)
	var r refusal
	if errors.As(err, &r) {
		k.s.refused[r]++
		k.push(errorMessage(r, m), false)
		return nil, nil
	}
	return frames, err
}

func (k *conn) reply(kind uint8, m, body []byte) { k.push(message(kind, xidOf(m), body), false) }

func (k *conn) dispatch(m []byte) ([]sent, error) {
	s, b := k.s, m[headerLen:]
	if m[0] != version && m[1] != typeHello {
		return nil, badVersion
	}
	switch m[1] {
	case typePacketOut, typeFlowMod, typeGroupMod, typeMeterMod:
		if k.role == roleSlave {
			return nil, isSlave
		}
	}
	if len(m) > maxMessage-64 && (m[1] == typeFlowMod || m[1] == typeGroupMod) {
		return nil, badLength // it could not be told of in one message
	}
	switch m[1] {
	case typeHello, typeError, typeEchoReply:
		return nil, nil
	case typeEchoRequest:
		k.reply(typeEchoReply, m, b)
		return nil, nil
	case typeExperimenter:
		return nil, badExperimenter
	case typePacketOut:
		return s.packetOut(b)
	case typeFlowMod:
		return nil, s.flowMod(b)
	case typeGroupMod:
		return nil, s.groupMod(b)
	case typeMeterMod:
		return nil, s.meterMod(b)
	case typeMultipart:
		return nil, k.multipartRequest(m, b)
	}
	length := map[uint8]int{typeFeatures: 0, typeGetConfig: 0, typeSetConfig: 4, typeBarrier: 0, typeRole: 16, typeGetAsync: 0, typeSetAsync: 24}
	n, known := length[m[1]]
	switch {
	case !known:
		return nil, badType
	case len(b) != n:
		return nil, badLength
	}
	switch m[1] {
	case typeFeatures:
		k.reply(typeFeatures+1, m, s.features())
	case typeGetConfig:
		k.reply(typeGetConfig+1, m, put16([]byte{0, 0}, k.missSend))
	case typeSetConfig:
		if be16(b) != 0 { // fragments are not looked at
			return nil, configFlags
		}
		k.missSend = be16(b[2:])
	case typeBarrier:
		k.reply(typeBarrier+1, m, nil)
	case typeRole:
		return nil, k.roleRequest(m, b)
	case typeGetAsync:
		k.reply(typeGetAsync+1, m, k.asyncConfig())
	case typeSetAsync:
		for i := range k.async {
			k.async[i] = be32(b[4*i:])
		}
	}
	return nil, nil
}

// features is the body of a features reply (OpenFlow 1.3.5, 7.3.1).
func (s *Switch) features() []byte {
	const flowStats, tableStats, groupStats = 1 << 0, 1 << 1, 1 << 3
	b := put64(nil, s.cfg.DatapathID)
	b = put32(b, 0) // no buffers
	b = append(b, byte(len(s.tables)), 0, 0, 0)
	return put32(put32(b, flowStats|tableStats|groupStats), 0)
}
