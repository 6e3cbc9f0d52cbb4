// A path that scales: two container apps of one image, one for each port, in a network of their own, with a
// PostgreSQL that their gateways share. Stands on what foundation.bicep made.
//
// The gateway speaks TLS and nothing else, while ingress of HTTP (transport 'http' and 'http2' alike) ends TLS and
// goes on without. So ingress is TCP: the gateway's own certificate reaches callers, gRPC is HTTP/2 to the end, and
// connections are dealt out instead of calls. Ports 443 and 80 are not to be had that way.
@description('Begins the names of all there is, as in foundation.bicep.')
param name string

param location string = resourceGroup().location

@description('Name of the registry, which has both images.')
param registry string

@description('Name of the vault, which has the secrets and, as database-password, one for the PostgreSQL to be.')
param vault string

@description('Tag of both images.')
param tag string

resource secrets 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vault
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: name
}

module network 'modules/network.bicep' = {
  name: 'network'
  params: {
    name: name
    location: location
  }
}

module postgres 'modules/postgres.bicep' = {
  name: 'postgres'
  params: {
    name: '${name}${uniqueString(resourceGroup().id)}'
    location: location
    subnet: network.outputs.databaseSubnet
    zone: network.outputs.databaseZone
    password: secrets.getSecret('database-password')
  }
}

module environment 'modules/environment.bicep' = {
  name: 'environment'
  params: {
    name: name
    location: location
    subnet: network.outputs.appsSubnet
  }
}

module https 'modules/app.bicep' = {
  name: 'https'
  params: {
    name: '${name}-https'
    location: location
    environment: environment.outputs.id
    identity: identity.id
    server: '${registry}.azurecr.io'
    tag: tag
    vaultUri: secrets.properties.vaultUri
    database: postgres.outputs.host
    databasePassword: secrets.getSecret('database-password')
    port: 8443
  }
}

module grpc 'modules/app.bicep' = {
  name: 'grpc'
  params: {
    name: '${name}-grpc'
    location: location
    environment: environment.outputs.id
    identity: identity.id
    server: '${registry}.azurecr.io'
    tag: tag
    vaultUri: secrets.properties.vaultUri
    database: postgres.outputs.host
    databasePassword: secrets.getSecret('database-password')
    port: 8444
  }
}

output host string = https.outputs.host
output grpcHost string = grpc.outputs.host
