using Microsoft.Extensions.Logging;

namespace Rl.Logging.Internal;

/// <summary>What a log tells an agent's logger.</summary>
internal static partial class LogMessages
{
    [LoggerMessage(20, LogLevel.Warning, "{Message}")]
    public static partial void Stopped(ILogger logger, string message);
}
