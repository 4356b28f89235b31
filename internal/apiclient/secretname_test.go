package apiclient

import "testing"

// It counts allocations, so it runs alone.
func TestASecretIsKnownByItsName(t *testing.T) {
	for name, want := range map[string]bool{
		"token": true, "refresh_token": true, "X-API-Key": true, "apiKey": true, "Client Secret": true, "secretShareToken": true,
		"Set-Cookie": true, "user.hash": true, "to\u212Aen": true, "pässword_token": true,
		"": false, "tokens": false, "name": false, "description": false, "code_name": false, "größe": false, "passwords": false,
	} {
		if got := isSecretName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { isSecretName("Some-Custom_Field.name") }); n > 0 {
		t.Errorf("%v allocations for a key", n)
	}
}
