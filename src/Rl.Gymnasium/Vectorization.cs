namespace Rl.Gymnasium;

/// <summary>How copies of an environment are stepped together.</summary>
public enum Vectorization
{
    /// <summary>Each is an environment of its own, stepped in turn, the next episode beginning in the step that ends
    /// one. Every environment can.</summary>
    Each,

    /// <summary>By the environment's own vector class, its <c>vector_entry_point</c>, which is many times faster where
    /// there is one. Wants gymnasium 1.0.</summary>
    EntryPoint,

    /// <summary>Each in a process of Python of its own, by <c>gymnasium.vector.AsyncVectorEnv</c>: for environments
    /// whose steps take long.</summary>
    Async,
}
