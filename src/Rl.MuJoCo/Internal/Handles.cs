using System.Runtime.InteropServices;

namespace Rl.MuJoCo.Internal;

/// <summary>A compiled model in MuJoCo's memory, which stays while simulations of it do.</summary>
internal sealed class ModelHandle : SafeHandle
{
    private readonly Native native;

    public ModelHandle(Native native, nint model)
        : base(0, ownsHandle: true)
    {
        this.native = native;
        SetHandle(model);
    }

    public override bool IsInvalid => handle == 0;

    public nint Pointer => handle;

    protected override bool ReleaseHandle()
    {
        native.DeleteModel(handle);
        return true;
    }
}

/// <summary>The state of a simulation in MuJoCo's memory. It keeps its model.</summary>
internal sealed class DataHandle : SafeHandle
{
    private readonly Native native;
    private readonly ModelHandle model;

    public DataHandle(Native native, ModelHandle model)
        : base(0, ownsHandle: true)
    {
        this.native = native;
        this.model = model;
        var isKept = false;
        model.DangerousAddRef(ref isKept);
        try
        {
            SetHandle(native.MakeData(model.Pointer));
        }
        finally
        {
            if (handle == 0)
            {
                model.DangerousRelease();
            }
        }

        if (handle == 0)
        {
            throw new MujocoException("MuJoCo has no memory for another simulation of the model.");
        }
    }

    public override bool IsInvalid => handle == 0;

    public nint Pointer => handle;

    protected override bool ReleaseHandle()
    {
        native.DeleteData(handle);
        model.DangerousRelease();
        return true;
    }
}
