// What every deployment stands on: a registry for the images, an identity that pulls them and reads secrets, and a
// vault for those. Comes first, as images and secrets have to be there before anything runs.
@description('Begins the names of all there is.')
@minLength(3)
@maxLength(11)
param name string

param location string = resourceGroup().location

@description('Object id of who puts secrets into the vault.')
param administrator string

// Names of registries and vaults are the whole world's.
var unique = '${name}${uniqueString(resourceGroup().id)}'

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: name
    location: location
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: unique
    location: location
    reader: identity.outputs.principal
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: unique
    location: location
    reader: identity.outputs.principal
    administrator: administrator
  }
}

output registry string = unique
output vault string = unique
