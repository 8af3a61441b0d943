{
  # Hands over to cmake-js: CMakeLists.txt is the only list of sources.
  "targets": [
    {
      "target_name": "conclave",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/always-run-cmake"],
          "action": ["node", "scripts/cmake-js.mjs"],
        }
      ],
    }
  ]
}
