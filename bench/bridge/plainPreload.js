// What one would write without a bridge.
const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('plain', { echo: (params) => ipcRenderer.invoke('plain', params) });
