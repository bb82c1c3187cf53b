package openflow

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority makes certificates for a test.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.issue(name, nil, nil)
	return a
}

// issue makes name-key.pem and name-cert.pem, signed by parent or by itself.
func (a *authority) issue(name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.next++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+"-key.pem", "PRIVATE KEY", keyDER)
	a.write(name+"-cert.pem", "CERTIFICATE", der)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// listen puts TLS that demands client certificates of a around l.
func (a *authority) listen(l net.Listener) net.Listener {
	a.issue("controller", a.cert, a.key)
	pair, err := tls.LoadX509KeyPair(a.path("controller-cert.pem"), a.path("controller-key.pem"))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
}

func TestTLSWithOpenVSwitch(t *testing.T) {
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	ca.issue("switch", ca.cert, ca.key)
	stranger.issue("switch", stranger.cert, stranger.key)
	r := newRecorder()
	l, _ := serve(t, Config{EchoInterval: 100 * time.Millisecond}, r, ca.listen)

	refused := startOVS(t, "set-ssl", stranger.path("switch-key.pem"), stranger.path("switch-cert.pem"), ca.path("ca-cert.pem"))
	refused.setController("ssl", l)
	o := startOVS(t, "set-ssl", ca.path("switch-key.pem"), ca.path("switch-cert.pem"), ca.path("ca-cert.pem"))
	o.setController("ssl", l)
	s := r.session(t)
	if err := s.BecomeMaster(timeLimit(t), 1); err != nil {
		t.Fatal(err)
	}
	changes := manyEntries(5000)
	mustApply(t, s, true, changes...)
	if n := len(mustRead(t, s).Flows); n != len(changes) {
		t.Errorf("%d entries", n)
	}
	if len(r.connected) > 0 {
		t.Error("a switch with a certificate of another authority connected")
	}
	// A peer in the middle of its TLS handshake holds up neither others nor, with a TLS record half written, the end of the session.
	dial(t, l).sendRaw([]byte{22, 3, 1, 2, 0})
	if err := s.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
	s.Close(ErrServerClosed)
	if r.end(t, s) != ErrServerClosed {
		t.Error(s.Err())
	}
}
