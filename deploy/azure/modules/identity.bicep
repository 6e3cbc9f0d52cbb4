// By it containers get their images and secrets without a password. Container groups pull by no other kind.
param name string
param location string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

output principal string = identity.properties.principalId
