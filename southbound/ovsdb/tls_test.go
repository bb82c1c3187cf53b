package ovsdb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

// authority signs certificates for the test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func certificate(t *testing.T, name string, by *authority) (*authority, []byte, []byte) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent := by
	if by == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
		parent = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return &authority{cert, key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestTLS(t *testing.T) {
	ca, caPEM, _ := certificate(t, "ca", nil)
	_, serverCert, serverKey := certificate(t, "controller", ca)
	_, nodeCert, nodeKey := certificate(t, "node", ca)
	pair, err := tls.X509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	r := newRecorder()
	serveOn(t, Config{HandshakeTimeout: time.Second}, r, l)

	// Neither without TLS, nor with TLS and no certificate, nor in silence does anyone learn anything.
	for _, hello := range []string{"", `{"method":"echo","id":1,"params":[]}`} {
		p := dial(t, l)
		p.send(hello)
		if err := p.closed(); err != nil {
			t.Error(err)
		}
	}
	stranger, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool})
	if err == nil {
		defer stranger.Close()
		if n, err := io.Copy(io.Discard, stranger); err == nil || n > 0 {
			t.Errorf("a stranger without a certificate reads %d bytes, error %v", n, err)
		}
	}

	n := startNode(t)
	for name, data := range map[string][]byte{"key.pem": nodeKey, "cert.pem": nodeCert, "ca.pem": caPEM} {
		if err := os.WriteFile(n.path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.vsctl("set-ssl", n.path("key.pem"), n.path("cert.pem"), n.path("ca.pem"), "--", "add-br", "br-ex")
	began := time.Now()
	n.attach("ssl:" + l.Addr().String())
	s, _ := r.until(t, "the node", func() bool { return r.updates > 0 })
	ensure(t, s, wanted(), true)
	r.sees(t, "the set-up", complete)
	t.Logf("attached and set up over TLS in %v", time.Since(began))
	ensure(t, s, wanted(), false)
}
