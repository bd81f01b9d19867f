using System.IO;
using System.Linq;
using PureHDF;

namespace Rl.Data.Internal.Hdf5;

/// <summary>Element types of HDF5 and ours, and values of attributes.</summary>
/// <remarks>The library never converts: it takes the bits for whatever it is asked for, so what lies on disk is looked
/// at first.</remarks>
internal static class Hdf5Values
{
    /// <summary>Ours for a type on disk.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static ElementType TypeOf(IH5DataType type) => type.Class switch
    {
        H5DataTypeClass.FloatingPoint when type.Size == 4 => ElementType.Float32,
        H5DataTypeClass.FloatingPoint when type.Size == 8 => ElementType.Float64,
        H5DataTypeClass.FixedPoint => Whole(type.Size, type.FixedPoint.IsSigned),
        H5DataTypeClass.BitField when type.Size == 1 => ElementType.UInt8,
        H5DataTypeClass.Enumerated when IsTruth(type) => ElementType.Boolean,
        H5DataTypeClass.Enumerated => TypeOf(type.Enumeration.BaseType),
        H5DataTypeClass.String or H5DataTypeClass.VariableLength => ElementType.Text,
        _ => throw new InvalidDataException(
            $"its elements are of the class {type.Class} with {type.Size} bytes, no numbers that data sets have"),
    };

    /// <summary>The value of an attribute.</summary>
    public static DataArray Read(IH5Attribute attribute)
    {
        var shape = attribute.Space.Dimensions.Select(length => checked((int)length)).ToArray();
        var count = shape.Aggregate(1, (product, length) => checked(product * length));
        var type = TypeOf(attribute.Type);
        return type switch
        {
            ElementType.Float32 => Made<float>(attribute, shape),
            ElementType.Float64 => Made<double>(attribute, shape),
            ElementType.Int8 => Made<sbyte>(attribute, shape),
            ElementType.Int16 => Made<short>(attribute, shape),
            ElementType.Int32 => Made<int>(attribute, shape),
            ElementType.Int64 => Made<long>(attribute, shape),
            ElementType.UInt8 => Made<byte>(attribute, shape),
            ElementType.UInt16 => Made<ushort>(attribute, shape),
            ElementType.UInt32 => Made<uint>(attribute, shape),
            ElementType.UInt64 => Made<ulong>(attribute, shape),
            ElementType.Boolean => new(Truths(Made<sbyte>(attribute, shape)), shape),
            _ => new(
                shape.Length == 0 ? new[] { attribute.Read<string>() } : Strings(attribute.Read<string[]>(), count),
                shape),
        };
    }

    private static DataArray Made<T>(IH5Attribute attribute, int[] shape)
        where T : unmanaged =>
        new(shape.Length == 0 ? new[] { attribute.Read<T>() } : attribute.Read<T[]>(), shape);

    private static string[] Strings(string[] values, int count) =>
        values.Length == count ? values : throw new InvalidDataException("it has another number of strings");

    private static bool[] Truths(DataArray bytes) => [.. ((sbyte[])bytes.Values).Select(value => value != 0)];

    private static ElementType Whole(int size, bool isSigned) => (size, isSigned) switch
    {
        (1, true) => ElementType.Int8,
        (2, true) => ElementType.Int16,
        (4, true) => ElementType.Int32,
        (8, true) => ElementType.Int64,
        (1, false) => ElementType.UInt8,
        (2, false) => ElementType.UInt16,
        (4, false) => ElementType.UInt32,
        (8, false) => ElementType.UInt64,
        _ => throw new InvalidDataException($"its elements are integers of {size} bytes; there are 1, 2, 4 and 8"),
    };

    /// <summary>Whether it is the enumeration that h5py writes for NumPy's <c>bool</c>.</summary>
    private static bool IsTruth(IH5DataType type)
    {
        if (type.Size != 1)
        {
            return false;
        }

        var members = type.Enumeration.GetMembers<sbyte>();
        return members.Count == 2 && members.TryGetValue("FALSE", out var no) && no == 0
            && members.TryGetValue("TRUE", out var yes) && yes == 1;
    }
}
