package e2e

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

// authority signs certificates for planckd, the nodes and clients of the API.
type authority struct {
	identity
	t    testing.TB
	dir  string
	cert *x509.Certificate
	sign *ecdsa.PrivateKey
}

// identity is a certificate and its key, as PEM files.
type identity struct{ certificate, key string }

func newAuthority(t testing.TB, dir, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	template := a.template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.identity, a.cert, a.sign = a.make(name, template)
	return a
}

// issue makes a certificate for either end of a connection, valid for the addresses that planckd has in the lab.
func (a *authority) issue(name string) identity {
	a.t.Helper()
	template := a.template(name)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(198, 18, 0, 1)}
	i, _, _ := a.make(name, template)
	return i
}

// client is how to connect as i; the zero identity has no certificate.
func (a *authority) client(i identity) *tls.Config {
	a.t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(a.cert)
	if i != (identity{}) {
		pair, err := tls.LoadX509KeyPair(i.certificate, i.key)
		if err != nil {
			a.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func (a *authority) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	const day = 24 * time.Hour
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day)}
}

// make signs a certificate for a new key, and writes both to files; the first signs itself.
func (a *authority) make(name string, template *x509.Certificate) (identity, *x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, sign := a.cert, a.sign
	if parent == nil {
		parent, sign = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, sign)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	i := identity{filepath.Join(a.dir, name+".crt"), filepath.Join(a.dir, name+".key")}
	for file, block := range map[string]*pem.Block{i.certificate: {Type: "CERTIFICATE", Bytes: der}, i.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return i, cert, key
}
