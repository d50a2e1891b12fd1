window.YTD.grok_chat_item.part0 = [
  {
    "grokChatItem": {
      "grokMode": {
        "value": "1",
        "name": "Normal",
        "originalName": "NORMAL",
        "annotations": {}
      },
      "accountId": "9",
      "chatId": "77",
      "createdAt": "2025-10-23T13:11:59.692Z",
      "sender": {
        "value": "1",
        "name": "User",
        "originalName": "USER",
        "annotations": {}
      },
      "message": "What is a quasar?"
    }
  },
  {
    "grokChatItem": {
      "postIds": [
        "1"
      ],
      "accountId": "9",
      "chatId": "77",
      "createdAt": "2025-10-23T13:11:59.692Z",
      "sender": {
        "value": "2",
        "name": "Agent",
        "originalName": "AGENT",
        "annotations": {}
      },
      "message": "A bright core."
    }
  }
]