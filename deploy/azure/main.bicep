// The thesis' target: gateway and model server in one container group, on what foundation.bicep made.
@description('Begins the names of all there is, as in foundation.bicep.')
param name string

param location string = resourceGroup().location

@description('Name of the registry, which has both images.')
param registry string

@description('Name of the vault, which has the five secrets.')
param vault string

@description('Tag of both images.')
param tag string

@description('First part of the name that callers use: LABEL.REGION.azurecontainer.io.')
param label string

resource secrets 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vault
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: name
}

module group 'modules/container-group.bicep' = {
  name: 'group'
  params: {
    name: name
    location: location
    identity: identity.id
    server: '${registry}.azurecr.io'
    tag: tag
    label: label
    tlsCertificate: secrets.getSecret('tls-certificate')
    tlsKey: secrets.getSecret('tls-key')
    tokenKey: secrets.getSecret('token-key')
    passwordPepper: secrets.getSecret('password-pepper')
    databaseUrl: secrets.getSecret('database-url')
  }
}

output host string = group.outputs.host
