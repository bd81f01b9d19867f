using System.Collections.Generic;

namespace Rl.Data.Internal.Flat;

/// <summary>Arrays with a row for each step of all episodes, as D4RL's files and NumPy's have them.</summary>
internal interface IFlatColumns
{
    /// <summary>Whether there is an array of a name.</summary>
    bool Has(string name);

    /// <summary>What an array is.</summary>
    (ElementType Type, IReadOnlyList<long> Shape) Describe(string name);

    /// <summary>Some rows of an array.</summary>
    DataArray Read(string name, long first, int count);

    /// <summary>The rows that are best read together.</summary>
    int Block(string name);

    /// <summary>The whole names of the arrays below a group, such as <c>infos</c>, in the order that the file has them
    /// in.</summary>
    IReadOnlyList<string> Below(string group);
}
